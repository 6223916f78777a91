import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import type { Holdfast, RoomDelivery } from "./index.js";
import { bodiesOf, recordsOf, refusal, TestServer, turnsUntil } from "./test-server.js";

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

test("is no device until a room is joined or listened to, then the one that was asked for, on every connection", async () => {
  const holdfast = server.connect({ auth: { user: "ann" } });
  await holdfast.room("kitchen").emit("n", 1);
  expect(server.socket?.handshake.auth).toEqual({ user: "ann", "holdfast:rooms": false });
  expect(payloads("holdfast:hello")).toEqual([{ frames: 1, rooms: false }]);

  const kitchen = holdfast.room("kitchen");
  await kitchen.on("n", () => undefined);
  expect(await kitchen.join({ from: "earliest", device: "phone" })).toBe(1);
  await kitchen.join();
  expect(server.requests.slice(1)).toEqual([
    { event: "holdfast:hello", payload: { frames: 1, rooms: { meta: true, frames: 1 } } },
    { event: "holdfast:hello", payload: { frames: 1, rooms: { meta: true, frames: 1, device: "phone" } } },
    { event: "holdfast:join", payload: { room: "kitchen", from: "earliest", device: "phone", meta: true } },
    { event: "holdfast:join", payload: { room: "kitchen", meta: true } },
  ]);
  await expect(kitchen.join({ device: "not a name" })).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("device"),
  });

  // Whatever the application does with `auth`.
  const auths: Holdfast["socket"]["auth"][] = [{ user: "bob" }, (send) => send({ user: "bob" })];
  for (const auth of auths) {
    holdfast.socket.auth = auth;
    const hellos = payloads("holdfast:hello").length;
    server.cut();
    await server.until(() => payloads("holdfast:hello").length > hellos);
    expect(server.socket?.handshake.auth).toEqual({ user: "bob", "holdfast:rooms": false });
    expect(payloads("holdfast:hello").at(-1)).toEqual({ frames: 1, rooms: { meta: true, frames: 1, device: "phone" } });
  }
});

test("a client that is asked for a room before it is connected says so in its first hello", async () => {
  const holdfast = server.connect({ autoConnect: false });
  await holdfast.room("kitchen").on("n", () => undefined);
  holdfast.socket.connect();
  await holdfast.room("kitchen").emit("n", 1);
  expect(payloads("holdfast:hello")).toEqual([{ frames: 1, rooms: { meta: true, frames: 1 } }]);
});

test("a client that is asked for a room while its hello is under way says so once that is answered", async () => {
  const { hello } = server;
  let answer = (): void => undefined;
  server.hello = new Promise((resolve) => {
    answer = () => resolve(hello);
  });
  const holdfast = server.connect();
  await server.until(() => payloads("holdfast:hello").length === 1);
  await holdfast.room("kitchen").on("n", () => undefined);
  const joined = holdfast.room("kitchen").join();
  answer();
  await joined;
  expect(payloads("holdfast:hello")).toEqual([
    { frames: 1, rooms: false },
    { frames: 1, rooms: { meta: true, frames: 1 } },
  ]);
  expect(server.requests.at(-1)?.event, "first which device it is, then what it joins").toBe("holdfast:join");
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

test("handlers say what the arguments are, and are told of the message after them", async () => {
  interface Order {
    readonly table: number;
  }
  const kitchen = server.connect().room("kitchen");
  const seen: unknown[] = [];
  // Each of these has to compile.
  kitchen.on("order", (order: Order) => seen.push(order.table));
  kitchen.on("order", async (order: Order, delivery) => {
    expectTypeOf(delivery).toEqualTypeOf<RoomDelivery>();
    seen.push([order.table, delivery.sequence]);
  });
  kitchen.on("order", ({ table }: Order, { sequence }: RoomDelivery) => seen.push([table, sequence]));
  kitchen.on<[Order]>("order", (order, delivery) => {
    expectTypeOf(order).toEqualTypeOf<Order>();
    expectTypeOf(delivery).toEqualTypeOf<RoomDelivery>();
  });
  kitchen.on("order", (order, delivery) => {
    expectTypeOf(order).toEqualTypeOf<unknown>();
    expectTypeOf(delivery).toEqualTypeOf<RoomDelivery>();
  });
  kitchen.on("moved", (from: string, to: number) => seen.push([from, to]));
  kitchen.on("moved", (from: string, to: number, { sequence }: RoomDelivery) => seen.push([from, to, sequence]));
  kitchen.on<[string, number]>("moved", (from, to, delivery) => {
    expectTypeOf([from, to] as const).toEqualTypeOf<readonly [string, number]>();
    expectTypeOf(delivery).toEqualTypeOf<RoomDelivery>();
  });
  kitchen.on("closed", () => seen.push("closed"));
  kitchen.on<[]>("closed", (delivery) => void expectTypeOf(delivery).toEqualTypeOf<RoomDelivery>());
  // @ts-expect-error What is told of the message has no such field.
  kitchen.on("other", (_order: Order, { nothing }) => nothing);
  // @ts-expect-error The two say different things of the argument.
  kitchen.on<[Order]>("other", (order: string) => order);
  await kitchen.join();
  await tell("order", { table: 4 }, about(1));
  await tell("moved", "bar", 7, about(2));
  await tell("closed", about(3));
  expect(seen).toEqual([4, [4, 1], [4, 1], ["bar", 7], ["bar", 7, 2], "closed"]);
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
  expect(own).toEqual([[7], [{ id: "x", room: "kitchen" }], [9]]);
});

test("a room that is only emitted to leaves its messages to the application", async () => {
  const holdfast = server.connect();
  holdfast.socket.on("order", (_order, callback: (answer: string) => void) => callback("mine"));
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

test("P5: emits go together and in order, again after a passing refusal and a lost connection, with the same id and what they held", async () => {
  const kitchen = server.connect().room("kitchen");
  const order = { table: 1 };
  server.onPublish = () => undefined;
  const options = { id: "mine", key: "k", headers: { trace: "7" }, ttlMs: 5_000, except: ["bar", { user: "bob" }] };
  const receipts = [kitchen.emitWith(options, "order", order, 2), kitchen.emit("order", Buffer.from([2])), kitchen.emit("bare")];
  await server.until(() => server.publishes().length === 1);
  order.table = 9;
  let refusals = 1;
  server.onPublish = (section) => (refusals-- > 0 ? [refusal("QUEUE_FULL", section.count)] : server.store(section));
  server.cut();
  expect(await Promise.all(receipts)).toMatchObject([
    { id: "mine", sequence: 1 },
    { id: expect.stringMatching(/-2$/), sequence: 2 },
    { id: expect.stringMatching(/-3$/), sequence: 3 },
  ]);
  expect(server.stored.get("#kitchen")).toEqual([[{ table: 1 }, 2], [new Uint8Array([2])], []]);
  const sections = server.publishes();
  expect(sections.map(({ queue, count, firstNumber }) => [queue, count, firstNumber])).toEqual(new Array(3).fill(["#kitchen", 3, 1]));
  for (const { records } of sections) expect(records).toEqual(sections[0]?.records);
  const [first] = sections.flatMap(recordsOf);
  expect(first).toMatchObject({ id: "mine", chosenId: true, event: "order", key: "k", headers: { trace: "7" }, timing: { ttlMs: 5_000 } });
  expect(first?.historyText).toBe('["bar",{"user":"bob"}]');
});

const refusedEmits: readonly { readonly name: string; readonly event?: unknown; readonly options?: object }[] = [
  { name: "event", event: "connect" },
  { name: "event", event: "holdfast:gap" },
  { name: "event", event: 7 },
  { name: "event", event: "" },
  { name: "header", options: { headers: { "holdfast:sender": "bob" } } },
  { name: "colour", options: { colour: 1 } },
  { name: "ttlMs", options: { ttlMs: -1 } },
  { name: "id", options: { id: "" } },
  { name: "except", options: { except: "bar" } },
  { name: "except", options: { except: ["not a name"] } },
  { name: "except", options: { except: [{ user: "" }] } },
  { name: "except", options: { except: [{ user: "bob", room: "bar" }] } },
  { name: "except", options: { except: new Array(1_001).fill("bar") } },
];

test.each(refusedEmits)("an emit with a wrong $name is refused by name, and nothing is sent of it", async (wrong) => {
  const { name, event = "order", options = {} } = wrong;
  const holdfast = server.connect();
  const refused = holdfast.room("kitchen").emitWith(options, event as string, 1);
  await expect(refused).rejects.toMatchObject({ code: "BAD_REQUEST", retryable: false, message: expect.stringContaining(name) });
  await holdfast.room("bar").emit("order", 2);
  expect(server.publishes().map(({ queue, count }) => [queue, count])).toEqual([["#bar", 1]]);
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
  server.onPublish = () => undefined;
  holdfast.socket.connect();
  await server.until(() => server.publishes().length === 1);
  abort.abort();
  await expect(sent).rejects.toMatchObject({ code: "UNKNOWN", retryable: true });
  expect(server.publishes().map(bodiesOf)).toEqual([[[3], [4]]]);
  await Promise.all([holdfast.close({ timeoutMs: 0 }), expect(closed).rejects.toMatchObject({ code: "UNKNOWN" })]);
});

test("close waits for what was emitted and asked before it, also while rooms are loaded, and for nothing after it", async () => {
  for (const loaded of [false, true]) {
    const holdfast = server.connect();
    const kitchen = holdfast.room("kitchen");
    if (loaded) await kitchen.emit("order", 0);
    const asked = [kitchen.emit("order", 1), kitchen.join()];
    const closed = holdfast.close();
    await expect(kitchen.emit("order", 2)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    expect(await Promise.all(asked)).toMatchObject([{ duplicate: false }, 1]);
    await closed;
  }
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

test("close waits until the server has what was settled of frames, and says nothing of the device meanwhile", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  let handled = 0;
  await kitchen.on("order", () => {
    handled++;
  });
  await kitchen.join();
  const frames: unknown[] = [];
  server.socket?.on("holdfast:frame", (frame: unknown) => frames.push(frame));
  const { hello } = server;
  let answer = (): void => undefined;
  server.hello = new Promise((resolve) => {
    answer = () => resolve(hello);
  });
  const before = payloads("holdfast:hello").length;
  server.socket?.emit("holdfast:frame", [7, { room: "kitchen" }, 1, false, [["order", "m1", []]]]);
  await turnsUntil(() => handled === 1);
  let closed = false;
  const closing = holdfast.close().then(() => {
    closed = true;
  });
  await server.until(() => payloads("holdfast:hello").length > before);
  expect(frames).toEqual([[[7, 1, 1]]]);
  expect(payloads("holdfast:hello").slice(before)).toEqual([{ frames: 1 }]);
  expect(closed).toBe(false);
  answer();
  await closing;
});

test("asks for the past in pages", async () => {
  const kitchen = server.connect().room("kitchen");
  const item = { id: "a", sequence: 17, event: "order", args: [1], publishedAt: 5, sender: "ann" };
  server.onRequest = () => ({ ok: true, items: [item], next: 17 });
  expect(await kitchen.history({ before: 18, limit: 1 })).toMatchObject({ items: [item], next: 17 });
  expect(payloads("holdfast:history")).toEqual([{ room: "kitchen", before: 18, limit: 1 }]);
});
