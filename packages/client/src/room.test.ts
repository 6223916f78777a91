import { afterEach, beforeEach, expect, test } from "vitest";
import type { RoomDelivery } from "./index.js";
import { TestServer, turnsUntil } from "./test-server.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  server.onRequest = (event) => (event === "holdfast:join" ? { ok: true, sequence: 1 } : undefined);
});

afterEach(() => server.stop());

const about = (sequence: number, id = `m${sequence}`): RoomDelivery => ({ id, room: "kitchen", sequence, redelivered: false });

/** Sends an event as a server does that was asked for `meta`; resolves to what the callback was called with. */
const tell = (...args: unknown[]): Promise<unknown[]> =>
  new Promise((resolve) => server.socket?.emit(...(args as [string]), (...answer: unknown[]) => resolve(answer)));

const payloads = (event: string): unknown[] => server.requests.filter((request) => request.event === event).map(({ payload }) => payload);

test("asks as the protocol says, from the CONNECT packet on, also when the application's auth is a function or changed", async () => {
  const holdfast = server.connect({ auth: { user: "ann" } });
  const kitchen = holdfast.room("kitchen");
  expect(await kitchen.join({ from: "earliest", device: "phone" })).toBe(1);
  expect(payloads("holdfast:join")).toEqual([{ room: "kitchen", from: "earliest", device: "phone", meta: true }]);
  expect(server.socket?.handshake.auth).toEqual({ user: "ann", device: "phone", meta: true, frames: 1 });

  Object.assign(holdfast.socket.auth, { user: "bob" });
  server.cut();
  await server.until(() => server.socket !== undefined);
  expect(server.socket?.handshake.auth).toEqual({ user: "bob", device: "phone", meta: true, frames: 1 });

  holdfast.socket.auth = { user: "cid" };
  server.cut();
  await server.until(() => payloads("holdfast:join").length === 2);
  server.cut();
  await server.until(() => server.socket !== undefined);
  expect(server.socket?.handshake.auth).toEqual({ user: "cid", device: "phone", meta: true, frames: 1 });

  const other = server.connect({ auth: (send: (data: object) => void) => send({ user: "dan" }) });
  await other.room("kitchen").join();
  expect(server.socket?.handshake.auth).toEqual({ user: "dan", meta: true, frames: 1 });
});

test("acks when all handlers returned, nacks when one threw, and acks what nobody here handles", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  const seen: unknown[] = [];
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  kitchen.on<[number, string]>(
    "order",
    async (table, text, { sequence, redelivered }) => void seen.push([table, text, sequence, redelivered]),
  );
  kitchen.on("order", () => finished);
  const broken = (): never => {
    throw new Error("burnt");
  };
  kitchen.on("cancel", broken);
  await kitchen.join();
  const order = tell("order", 4, "now", about(1));
  let answered = false;
  void order.then(() => {
    answered = true;
  });
  expect(await tell("cancel", about(2))).toEqual([{ nack: { reason: "burnt" } }]);
  expect(await tell("other", 1, about(3))).toEqual([]);
  expect(answered).toBe(false);
  finish();
  expect(await order).toEqual([]);
  expect(seen).toEqual([[4, "now", 1, false]]);
  await kitchen.off("cancel", broken);
  expect(await tell("cancel", about(2))).toEqual([]);
});

test("messages wait for the first handler, in order", async () => {
  const kitchen = server.connect().room("kitchen");
  await kitchen.join();
  const told = [1, 2, 3].map((n) => tell("n", n, about(n)));
  const seen: unknown[] = [];
  kitchen.on("n", (n) => void seen.push(n));
  await Promise.all(told);
  expect(seen).toEqual([1, 2, 3]);
});

test("what comes again while its handler is at work is not handled twice, and the later callback is called", async () => {
  const kitchen = server.connect().room("kitchen");
  let calls = 0;
  let finish = (): void => undefined;
  kitchen.on("order", () => {
    calls++;
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  await kitchen.join();
  void tell("order", 1, about(1));
  await turnsUntil(() => calls === 1);
  const again = tell("order", 1, { ...about(1), redelivered: true });
  // Answered once what was told before it has been handled here.
  await tell("other", about(2));
  finish();
  expect(await again).toEqual([]);
  expect(calls).toBe(1);
});

test("the application's own events of the same name are its own, and room messages are not told to it", async () => {
  const holdfast = server.connect();
  const own: unknown[][] = [];
  holdfast.socket.on("order", (...args: unknown[]) => {
    const callback = args.pop() as (answer: string) => void;
    own.push(args);
    callback("mine");
  });
  const kitchen = holdfast.room("kitchen");
  const seen: unknown[] = [];
  kitchen.on("order", (order) => void seen.push(order));
  await kitchen.join();
  expect(await tell("order", 7)).toEqual(["mine"]);
  expect(await tell("order", { id: "x", room: "kitchen" })).toEqual(["mine"]);
  expect(await tell("order", 8, about(1))).toEqual([]);
  expect(await tell("order", 9, { ...about(2), room: "bar" })).toEqual(["mine"]);
  expect(seen).toEqual([8]);
  expect(own).toEqual([[7], [{ id: "x", room: "kitchen" }], [9, { ...about(2), room: "bar" }]]);
});

test("a room that is only emitted to leaves its messages to the application", async () => {
  const holdfast = server.connect();
  server.onRequest = () => ({ ok: true, receipts: [{ id: "a", sequence: 1, duplicate: false }] });
  holdfast.socket.on("order", (_order, _meta, callback: (answer: string) => void) => callback("mine"));
  await holdfast.room("kitchen").emit("order", 1);
  expect(await tell("order", 1, about(1))).toEqual(["mine"]);
});

test("S4: a gap is confirmed once its listener returned", async () => {
  const kitchen = server.connect().room("kitchen");
  const gaps: unknown[] = [];
  kitchen.onGap(async (gap) => {
    gaps.push(gap);
    if (gaps.length === 1) throw new Error("not now");
  });
  await kitchen.join();
  const gap = { room: "kitchen", from: 1, to: 3, reason: "retention" };
  let confirmed = false;
  void tell("holdfast:gap", gap).then(() => {
    confirmed = true;
  });
  await turnsUntil(() => gaps.length === 1);
  expect(await tell("holdfast:gap", gap)).toEqual([]);
  expect(gaps).toEqual([gap, gap]);
  expect(confirmed).toBe(false);
});

test("P5: emits go one after the other, again after a passing refusal and a lost connection, with the same id and what they held", async () => {
  const kitchen = server.connect().room("kitchen");
  const order = { table: 1 };
  server.onRequest = () => undefined;
  const receipts = [kitchen.emitWith({ key: "k", except: [{ user: "bob" }] }, "order", order), kitchen.emit("order", Buffer.from([2]))];
  await server.until(() => payloads("holdfast:emit").length === 1);
  order.table = 9;
  let refusals = 1;
  server.onRequest = (_event, { id }) =>
    refusals-- > 0
      ? { ok: false, error: { code: "ENGINE_UNAVAILABLE", message: "by the test", retryable: true } }
      : { ok: true, receipts: [{ id, sequence: 1, duplicate: false }] };
  server.cut();
  const ids = (await Promise.all(receipts)).map(({ id }) => id);
  const first = { room: "kitchen", event: "order", args: [{ table: 1 }], id: ids[0], key: "k", except: [{ user: "bob" }] };
  expect(payloads("holdfast:emit")).toEqual([
    first,
    first,
    first,
    { room: "kitchen", event: "order", args: [Buffer.from([2])], id: ids[1] },
  ]);
  expect(new Set(ids).size).toBe(2);
});

test("P2: an emit that was not sent in time never will be; one that was sent is UNKNOWN", async () => {
  const holdfast = server.connect({ autoConnect: false });
  const kitchen = holdfast.room("kitchen");
  await expect(kitchen.emitWith({ timeoutMs: 1 }, "n", 1)).rejects.toMatchObject({ code: "ABORTED", retryable: false });
  await expect(kitchen.emitWith({ signal: AbortSignal.abort() }, "n", 2)).rejects.toMatchObject({ code: "ABORTED" });
  await expect(kitchen.emit("n", 1n)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  const abort = new AbortController();
  const sent = kitchen.emitWith({ signal: abort.signal }, "n", 3);
  const closed = kitchen.emit("n", 4);
  holdfast.socket.connect();
  await server.until(() => payloads("holdfast:emit").length === 1);
  abort.abort();
  await expect(sent).rejects.toMatchObject({ code: "UNKNOWN", retryable: true });
  expect(payloads("holdfast:emit")).toMatchObject([{ args: [3] }]);
  await Promise.all([holdfast.close({ timeoutMs: 0 }), expect(closed).rejects.toMatchObject({ code: "SHUTTING_DOWN", retryable: false })]);
});

test("close waits for running handlers", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  let finish: (() => void) | undefined;
  kitchen.on("order", () => new Promise<void>((resolve) => (finish = resolve)));
  await kitchen.join();
  const told = tell("order", 1, about(1));
  await turnsUntil(() => finish !== undefined);
  const closed = holdfast.close();
  finish?.();
  expect(await told).toEqual([]);
  await closed;
});
