import { afterEach, beforeEach, expect, test } from "vitest";
import type { RoomDelivery } from "./index.js";
import { TestServer, turnsUntil } from "./test-server.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  server.onRequest = (event) => (event === "holdfast:join" ? { ok: true, sequence: 1 } : undefined);
});

afterEach(() => server.stop());

const ROOM = 7;

/** Sends a frame of messages as a server does; each message is its event and arguments. */
function tell(
  first: number,
  messages: readonly (readonly [event: string, ...args: unknown[]])[],
  more: { room?: string; redelivered?: boolean } = {},
): void {
  const { room = "kitchen", redelivered = false } = more;
  const told = messages.map(([event, ...args], index) => [event, `m${first + index}`, args, "ann"]);
  server.socket?.emit("holdfast:frame", [ROOM, { room }, first, redelivered, told]);
}

/** The settlements of all frames so far. */
const settled = (): unknown[] => server.roomSettlements.flat();

test("messages of a frame are handled in order and acked together; a message carries what is known of it", async () => {
  const kitchen = server.connect().room("kitchen");
  const seen: unknown[][] = [];
  kitchen.on<[unknown, RoomDelivery]>("order", (...args) => void seen.push(args));
  await kitchen.join();
  server.socket?.emit("holdfast:frame", [
    ROOM,
    { room: "kitchen" },
    4,
    true,
    [
      ["order", "a", [1], "ann", "k", { trace: "7" }],
      ["order", "b", [2], null, "k"],
      ["other", "c", []],
      ["order", "d", [Buffer.from([3])]],
    ],
  ]);
  await server.until(() => settled().length > 0);
  const about = { room: "kitchen", redelivered: true };
  expect(seen).toEqual([
    [1, { ...about, id: "a", sequence: 4, sender: "ann", key: "k", headers: { trace: "7" } }],
    [2, { ...about, id: "b", sequence: 5, key: "k" }],
    [Buffer.from([3]), { ...about, id: "d", sequence: 7 }],
  ]);
  expect(server.roomSettlements).toEqual([[[ROOM, 4, 4]]]);
});

test("a message is acked when its handlers are done, out of order if need be, and nacked when one throws", async () => {
  const kitchen = server.connect().room("kitchen");
  let finish = (): void => undefined;
  kitchen.on("slow", () => new Promise<void>((resolve) => (finish = resolve)));
  kitchen.on("bad", () => {
    throw new Error("burnt");
  });
  kitchen.on("worse", async () => Promise.reject(new Error("burnt")));
  kitchen.on("good", () => undefined);
  await kitchen.join();
  tell(1, [["slow"], ["good"], ["bad"], ["worse"], ["good"]]);
  await server.until(() => settled().length > 0);
  expect(settled()).toEqual([
    [ROOM, 2, 1],
    [ROOM, 3, 1, null],
    [ROOM, 5, 1],
    [ROOM, 4, 1, null],
  ]);
  finish();
  await server.until(() => settled().length === 5);
  expect(settled().at(-1)).toEqual([ROOM, 1, 1]);
});

test("half a window of acks does not wait, so that a device that catches up is not held up", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  const { connection } = holdfast.host;
  const after = connection.after.bind(connection);
  // Nothing that waits a while comes about.
  connection.after = (delayMs, task) => (delayMs === 0 ? after(delayMs, task) : undefined);
  let handled = 0;
  await kitchen.on("n", () => void handled++);
  await kitchen.join();
  tell(
    1,
    Array.from({ length: 100 }, () => ["n"] as const),
  );
  tell(
    101,
    Array.from({ length: 60 }, () => ["n"] as const),
  );
  await server.until(() => settled().length > 0);
  expect(handled).toBe(160);
  expect(settled()).toEqual([[ROOM, 1, 160]]);
});

test("what came on a lost connection is not settled on the next one, and comes again", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  const finishes: (() => void)[] = [];
  kitchen.on("n", () => new Promise<void>((resolve) => finishes.push(resolve)));
  await kitchen.join();
  tell(1, [["n"], ["n"]]);
  await turnsUntil(() => finishes.length === 2);
  server.cut();
  await server.until(() => server.events().filter((event) => event === "holdfast:hello").length === 2);
  finishes[0]?.();
  tell(2, [["n"]], { redelivered: true });
  tell(1, [["n"]], { redelivered: true });
  await turnsUntil(() => finishes.length === 3);
  finishes[1]?.();
  finishes[2]?.();
  await server.until(() => settled().length === 2);
  expect(settled()).toEqual([
    [ROOM, 2, 1],
    [ROOM, 1, 1],
  ]);
});

test("inboxes, and rooms that are only emitted to, go to the application's listeners, settled by what they call", async () => {
  const holdfast = server.connect();
  const came: unknown[][] = [];
  const answers: unknown[][] = [
    [],
    [{ ack: true }],
    [{ nack: {} }],
    [{ nack: { delayMs: 5 } }],
    [{ nack: { delayMs: -1 } }],
    ["what"],
    [null],
  ];
  holdfast.socket.on("order", (...all: unknown[]) => {
    const [n, callback] = all as [number, (...answer: unknown[]) => void];
    came.push(all);
    callback(...(answers[n] ?? []));
    callback();
  });
  const kitchen = holdfast.room("kitchen");
  await kitchen.on("order", () => undefined);
  await kitchen.join();
  server.socket?.emit("holdfast:frame", [9, { user: "ann" }, 3, false, [["order", "i", [0], "bob"]]]);
  tell(
    1,
    answers.slice(1).map((_, index) => ["order", index + 1] as const),
    { room: "bar" },
  );
  await server.until(() => settled().length >= 5);
  expect(settled()).toEqual([
    [9, 3, 1],
    [ROOM, 1, 1],
    [ROOM, 2, 1, null],
    [ROOM, 3, 1, 5],
    [ROOM, 6, 1],
  ]);
  // As plain Socket.IO gives them: the arguments, and the callback.
  expect(came).toEqual(answers.map((_, n) => [n, expect.any(Function)]));
});

test("a frame that cannot be read ends the connection, and the next one goes on", async () => {
  const kitchen = server.connect().room("kitchen");
  const seen: unknown[] = [];
  kitchen.on("n", (n) => void seen.push(n));
  await kitchen.join();
  for (const [index, wrong] of [[], [ROOM, { room: "kitchen" }, 1, false, [["n"]]], [ROOM, null, 1, false, []]].entries()) {
    server.socket?.emit("holdfast:frame", wrong);
    await server.until(() => server.events().filter((event) => event === "holdfast:hello").length === index + 2);
  }
  tell(1, [["n", 1]]);
  await server.until(() => settled().length === 1);
  expect(seen).toEqual([1]);
});

test("close tells what was handled, also by handlers that are still at work", async () => {
  const holdfast = server.connect();
  const kitchen = holdfast.room("kitchen");
  let finish: (() => void) | undefined;
  kitchen.on("slow", () => new Promise<void>((resolve) => (finish = resolve)));
  await kitchen.join();
  tell(1, [["other"], ["slow"]]);
  await turnsUntil(() => finish !== undefined);
  const closed = holdfast.close();
  finish?.();
  await closed;
  await server.until(() => settled().length === 2);
  expect(settled()).toEqual([
    [ROOM, 1, 1],
    [ROOM, 2, 1],
  ]);
});
