import { afterEach, beforeEach, expect, test } from "vitest";
import { admin } from "./admin.js";
import { TestServer } from "./test-server.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

test("looking after a queue asks as the protocol says, and gives what the server replies", async () => {
  const orders = admin(server.connect()).queue("orders");
  server.onRequest = (event) => (event === "holdfast:dead" ? { ok: true, items: [1], next: 7 } : { ok: true, count: 3 });
  expect([await orders.purge(), await orders.redrive(), await orders.redrive({ ids: ["a"] }), await orders.purgeDeadLetters()]).toEqual([
    3, 3, 3, 3,
  ]);
  expect(await orders.deadLetters({ after: 2, limit: 1 })).toEqual({ items: [1], next: 7 });
  expect([await orders.pause(), await orders.resume()]).toEqual([undefined, undefined]);
  expect(server.requests.filter(({ event }) => event !== "holdfast:hello")).toEqual([
    { event: "holdfast:purge", payload: { queue: "orders" } },
    { event: "holdfast:redrive", payload: { queue: "orders" } },
    { event: "holdfast:redrive", payload: { queue: "orders", ids: ["a"] } },
    { event: "holdfast:purge", payload: { queue: "orders", dead: true } },
    { event: "holdfast:dead", payload: { queue: "orders", after: 2, limit: 1 } },
    { event: "holdfast:pause", payload: { queue: "orders" } },
    { event: "holdfast:resume", payload: { queue: "orders" } },
  ]);
});

test("P2: a purge or redrive without a reply is UNKNOWN and not sent again, a pause is", async () => {
  const orders = admin(server.connect()).queue("orders");
  server.onRequest = () => undefined;
  const asked = [orders.purge(), orders.redrive(), orders.purgeDeadLetters()].map((count) => count.catch((error: unknown) => error));
  const paused = orders.pause();
  const times = (event: string): number => server.events().filter((each) => each === event).length;
  await server.until(() => times("holdfast:pause") === 1);
  server.onRequest = () => ({ ok: true, count: 9 });
  server.socket?.conn.close();
  await paused;
  for (const error of await Promise.all(asked)) expect(error).toMatchObject({ code: "UNKNOWN", retryable: true });
  expect([times("holdfast:pause"), times("holdfast:purge"), times("holdfast:redrive")]).toEqual([2, 2, 1]);
});

test("a purge that was never sent waits for a connection", async () => {
  const holdfast = server.connect({ autoConnect: false });
  server.onRequest = () => ({ ok: true, count: 2 });
  const purged = admin(holdfast).queue("orders").purge();
  holdfast.socket.connect();
  expect(await purged).toBe(2);
});
