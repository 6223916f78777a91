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
  expect([await orders.pause({ dead: true }), await orders.resume({ dead: true })]).toEqual([undefined, undefined]);
  expect(server.requests.filter(({ event }) => event !== "holdfast:hello")).toEqual([
    { event: "holdfast:purge", payload: { queue: "orders" } },
    { event: "holdfast:redrive", payload: { queue: "orders" } },
    { event: "holdfast:redrive", payload: { queue: "orders", ids: ["a"] } },
    { event: "holdfast:purge", payload: { queue: "orders", dead: true } },
    { event: "holdfast:dead", payload: { queue: "orders", after: 2, limit: 1 } },
    { event: "holdfast:pause", payload: { queue: "orders" } },
    { event: "holdfast:resume", payload: { queue: "orders" } },
    { event: "holdfast:pause", payload: { queue: "orders", dead: true } },
    { event: "holdfast:resume", payload: { queue: "orders", dead: true } },
  ]);
});

test("a queue of the namespace that is meant is defined and counted", async () => {
  const orders = admin(server.connect(), "/shop").queue("orders");
  const counts = { ready: 2, perSecond: { published: 1.5, delivered: 2, acked: 0 } };
  server.onRequest = (event) => (event === "holdfast:stats" ? { ok: true, ...counts } : { ok: true });
  expect(await orders.define({ ordering: "key", maxAttempts: 3 })).toBeUndefined();
  expect(await orders.stats()).toEqual(counts);
  const at = { queue: "orders", namespace: "/shop" };
  expect(server.requests.filter(({ event }) => event !== "holdfast:hello")).toEqual([
    { event: "holdfast:define", payload: { ordering: "key", maxAttempts: 3, ...at } },
    { event: "holdfast:stats", payload: at },
  ]);
});

test("what cannot be sent as options is refused here", async () => {
  const options = { maxAttempts: 1n as unknown as number };
  await expect(admin(server.connect()).queue("orders").define(options)).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("looking after a room asks as the protocol says, and gives what the server replies", async () => {
  const namespace = admin(server.connect(), "/shop");
  const kitchen = namespace.room("kitchen");
  server.onRequest = (event) => (event === "holdfast:stats" ? { ok: true, members: 2 } : { ok: true, items: [1], next: 7 });
  await kitchen.define({ retention: { maxAgeMs: 5 }, poison: "block" });
  await kitchen.add({ user: "bob" });
  await kitchen.remove({ queue: "orders" });
  await kitchen.delete();
  expect(await kitchen.stats()).toEqual({ members: 2 });
  const pages = [
    await kitchen.members({ after: 1 }),
    await kitchen.presence({ limit: 2 }),
    await kitchen.receipts("order-17", { after: 3 }),
    await namespace.rooms({ after: "bar" }),
  ];
  expect(pages).toEqual(Array(4).fill({ items: [1], next: 7 }));
  const at = { namespace: "/shop" };
  expect(server.requests.filter(({ event }) => event !== "holdfast:hello")).toEqual([
    { event: "holdfast:define", payload: { room: "kitchen", retention: { maxAgeMs: 5 }, poison: "block", ...at } },
    { event: "holdfast:add", payload: { room: "kitchen", member: { user: "bob" }, ...at } },
    { event: "holdfast:remove", payload: { room: "kitchen", member: { queue: "orders" }, ...at } },
    { event: "holdfast:delete", payload: { room: "kitchen", ...at } },
    { event: "holdfast:stats", payload: { room: "kitchen", ...at } },
    { event: "holdfast:members", payload: { room: "kitchen", after: 1, ...at } },
    { event: "holdfast:presence", payload: { room: "kitchen", limit: 2, ...at } },
    { event: "holdfast:receipts", payload: { room: "kitchen", id: "order-17", after: 3, ...at } },
    { event: "holdfast:list", payload: { kind: "rooms", after: "bar", ...at } },
  ]);
  expect(() => namespace.room("kit chen")).toThrow('room is "kit chen", expected');
});

test("a room that was deleted by the first of two sendings is deleted", async () => {
  const kitchen = admin(server.connect()).room("kitchen");
  server.onRequest = () => undefined;
  const deleted = kitchen.delete();
  await server.until(() => server.events().includes("holdfast:delete"));
  server.onRequest = () => ({ ok: false, error: { code: "NOT_FOUND", message: "none", retryable: false } });
  server.socket?.conn.close();
  await deleted;
  await expect(kitchen.delete()).rejects.toMatchObject({ code: "NOT_FOUND" });
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
