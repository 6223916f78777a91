import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ConnectOptions, Holdfast, RestoredMessage } from "../index.js";
import { recordsOf, TestServer } from "../test-server.js";
import { waiting } from "../waiting.js";
import { kept, Page } from "./test-page.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(async () => {
  await server.stop();
  vi.unstubAllGlobals();
});

const offline: ConnectOptions = { autoConnect: false };
const ignore = (): void => undefined;

/** A new page with its client, and what it found. */
function open(options: ConnectOptions = {}): { page: Page; holdfast: Holdfast; restored: RestoredMessage[] } {
  const page = new Page();
  const restored: RestoredMessage[] = [];
  const holdfast = page.connect(server, { onRestored: (messages) => void restored.push(...messages), ...options });
  return { page, holdfast, restored };
}

/** Emits without waiting for the receipt, which dies with the page; resolves once it is in the database. */
async function emit(holdfast: Holdfast, room: string, ...args: unknown[]): Promise<void> {
  holdfast
    .room(room)
    .emit("n", ...args)
    .catch(ignore);
  // The code of rooms is loaded first.
  await holdfast.room(room).off("n");
  await kept(holdfast);
}

test("what was emitted offline is sent once after a reload, in order, though no room is asked for", async () => {
  const { page, holdfast } = open(offline);
  await emit(holdfast, "kitchen", 1);
  await emit(holdfast, "bar", { photo: new Uint8Array([3]) });
  await emit(holdfast, "kitchen", 2, "two");
  page.crash();
  const next = open();
  await kept(next.holdfast);
  const receipts = await Promise.all(next.restored.map(({ receipt }) => receipt));
  expect(server.stored.get("#kitchen")).toEqual([[1], [2, "two"]]);
  expect(server.stored.get("#bar")).toEqual([[{ photo: new Uint8Array([3]) }]]);
  expect(next.restored.map(({ queue, room, event, body }) => [queue, room, event, body])).toEqual([
    [undefined, "bar", "n", [{ photo: new Uint8Array([3]) }]],
    [undefined, "kitchen", "n", [1]],
    [undefined, "kitchen", "n", [2, "two"]],
  ]);
  expect(receipts.map(({ id, sequence, duplicate }) => [id, sequence, duplicate])).toEqual(
    next.restored.map(({ id }, index) => [id, [1, 1, 2][index], false]),
  );
});

test("what was sent and not answered goes again under its number, before what is emitted then, to a room and to a queue of one name", async () => {
  const first = open();
  server.onPublish = (section) => {
    server.store(section);
    return undefined;
  };
  const except = [{ user: "bob" }];
  first.holdfast.room("kitchen").emitWith({ id: "mine", key: "k", except }, "n", "a").catch(ignore);
  first.holdfast.queue("kitchen").publish("q").catch(ignore);
  await server.until(() => server.publishes().length === 2);
  first.page.crash();

  server.onPublish = (section) => server.store(section);
  const { holdfast, restored } = open();
  expect(await holdfast.room("kitchen").emit("n", "b")).toMatchObject({ sequence: 2, duplicate: false });
  expect(await Promise.all(restored.map(({ receipt }) => receipt))).toMatchObject([
    { id: "mine", sequence: 1, duplicate: true },
    { sequence: 1, duplicate: true },
  ]);
  expect(restored).toMatchObject([
    { queue: undefined, room: "kitchen", id: "mine", key: "k", body: ["a"] },
    { queue: "kitchen", room: undefined, body: "q" },
  ]);
  expect(server.stored).toEqual(
    new Map([
      ["#kitchen", [["a"], ["b"]]],
      ["kitchen", ["q"]],
    ]),
  );
  const [sent, again] = server.publishes().filter(({ queue }) => queue === "#kitchen");
  expect(again).toMatchObject({ producer: sent?.producer, firstNumber: 1, oldestOpen: 1 });
  expect(again?.records.subarray(0, sent?.records.length)).toEqual(sent?.records);
  expect(again && recordsOf(again)[0]?.historyText).toBe(JSON.stringify(except));
});

test.each([1, 2, 3])("nothing is lost, repeated or reordered over many lives that end anywhere (seed %i)", async (seed) => {
  let state = seed;
  const chance = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  // Lost on the way there, lost on the way back, or answered.
  server.onPublish = (section) => {
    const luck = chance();
    const runs = luck < 0.3 ? undefined : server.store(section);
    return luck < 0.6 ? undefined : runs;
  };
  let emitted = 0;
  for (let life = 0; life < 10; life++) {
    const { page, holdfast } = open();
    for (let burst = 0; burst < 4; burst++) {
      for (let count = chance() * 5; count > 0; count--) holdfast.room("kitchen").emit("n", emitted++).catch(ignore);
      await holdfast.room("kitchen").off("n");
      await kept(holdfast);
      for (let turns = chance() * 40; turns > 1; turns--) await new Promise(setImmediate);
      if (chance() < 0.2) server.cut();
    }
    await kept(holdfast);
    page.crash();
  }
  server.onPublish = (section) => server.store(section);
  await open().holdfast.room("kitchen").emit("n", emitted);
  expect(server.stored.get("#kitchen")).toEqual(Array.from({ length: emitted + 1 }, (_, n) => [n]));
});

test("an application can list what waits, from earlier pages and from its own, until it is confirmed", async () => {
  const first = open(offline);
  await emit(first.holdfast, "kitchen", 1);
  first.page.crash();
  const { holdfast, restored } = open(offline);
  await emit(holdfast, "kitchen", 2);
  holdfast.queue("orders").publish({ item: "cod" }, { event: "placed", id: "mine" }).catch(ignore);
  const list = await waiting(holdfast);
  expect(list).toEqual([
    { id: expect.any(String), event: "n", key: undefined, body: [1], queue: undefined, room: "kitchen" },
    { id: expect.any(String), event: "n", key: undefined, body: [2], queue: undefined, room: "kitchen" },
    { id: "mine", event: "placed", key: undefined, body: { item: "cod" }, queue: "orders", room: undefined },
  ]);
  expect(list[0]?.id).toBe(restored[0]?.id);
  holdfast.socket.connect();
  const { id } = await holdfast.room("kitchen").emit("n", 3);
  expect(id).not.toBe(list[1]?.id);
  await holdfast.queue("orders").publish("last");
  expect(await waiting(holdfast)).toEqual([]);
  expect(await waiting(server.connect())).toEqual([]);
});
