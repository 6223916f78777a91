import { afterEach, beforeEach, expect, test } from "vitest";
import { admin } from "./admin.js";
import { JsonText } from "./index.js";
import { TestServer } from "./test-server.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

test("schedules are set, listed and ended as the protocol says", async () => {
  const orders = admin(server.connect()).queue<unknown>("orders");
  server.onRequest = (event) => (event === "holdfast:list" ? { ok: true, items: [1], next: "b" } : { ok: true, next: 7 });
  const times = { cron: "0 2 * * *", timezone: "Europe/Berlin" };
  expect(await orders.schedule("nightly", times, { item: "cod" }, { event: "e", key: "k" })).toEqual({ next: 7 });
  await orders.schedule("text", { cron: "@daily" }, new JsonText('{"amount": 1.50}'));
  await orders.schedule("bytes", { cron: "@daily" }, Buffer.of(1, 2));
  expect(await orders.schedules({ after: "a", limit: 1 })).toEqual({ items: [1], next: "b" });
  expect(await orders.unschedule("nightly")).toBeUndefined();
  expect(server.requests.filter(({ event }) => event !== "holdfast:hello")).toEqual([
    {
      event: "holdfast:schedule",
      payload: { queue: "orders", name: "nightly", ...times, message: { body: { item: "cod" }, event: "e", key: "k" } },
    },
    { event: "holdfast:schedule", payload: { queue: "orders", name: "text", cron: "@daily", message: { body: { amount: 1.5 } } } },
    { event: "holdfast:schedule", payload: { queue: "orders", name: "bytes", cron: "@daily", message: { body: Buffer.of(1, 2) } } },
    { event: "holdfast:list", payload: { kind: "schedules", queue: "orders", after: "a", limit: 1 } },
    { event: "holdfast:schedule", payload: { queue: "orders", name: "nightly", remove: true } },
  ]);
});

test("P2: without a reply both are sent again; a schedule that is gone by then was ended by the first request", async () => {
  const orders = admin(server.connect()).queue("orders");
  server.onRequest = () => undefined;
  const asked = Promise.all([orders.schedule("a", { cron: "@daily" }, 1), orders.unschedule("b")]);
  await server.until(() => server.events().filter((event) => event === "holdfast:schedule").length === 2);
  server.onRequest = (_, payload) =>
    payload.remove === true ? { ok: false, error: { code: "NOT_FOUND", message: "gone", retryable: false } } : { ok: true, next: 9 };
  server.socket?.conn.close();
  expect(await asked).toEqual([{ next: 9 }, undefined]);
});
