import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as keys from "../core/keys.js";
import { newListOf } from "../core/priority-level.js";
import type { Entry } from "../store.js";
import { Harness } from "./conformance/harness.js";
import { turn } from "./conformance/manual-clock.js";
import { bodiesOf, type Delivery, readPeeked } from "./conformance/messages.js";
import { type Gate, GatedStore, type Moment } from "./gated-store.js";
import { hostOn } from "./memory/memory-host.js";
import { MemoryStore } from "./memory/memory-store.js";

const HOUR_MS = 3_600_000;

let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  store = new GatedStore(new MemoryStore());
  h = await Harness.open(hostOn(store, () => 0));
});

afterEach(() => h.close());

/** The first queue that a store ever has. */
const ORDERS = 1;
const ofDueList = (key: Uint8Array): boolean => key[0] === keys.dueRange(ORDERS, 0).from[0];
const ofBlocks = (key: Uint8Array): boolean => key[0] === keys.blockKey(ORDERS, 0)[0];

const entriesBetween = (from: Uint8Array, to: Uint8Array): Promise<readonly Entry[]> =>
  store.read({ from, to, entriesMax: 10_000, bytesMax: Number.MAX_SAFE_INTEGER });

/** How many entries the store has of the first queue, of whatever kind. */
async function leftOfOrders(): Promise<number> {
  let left = 0;
  for (const { from, to } of keys.contentRanges(ORDERS)) left += (await entriesBetween(from, to)).length;
  for (const key of [keys.definitionKey(ORDERS), keys.stateKey(ORDERS), keys.removedKey(ORDERS)]) if (store.get(key) !== undefined) left++;
  return left;
}

const sequencesOf = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ sequence }) => sequence).sort((a, b) => a - b);

describe("a commit that takes longer than a lease", () => {
  it.each(["none", "key", "fifo"] as const)(
    "L4: counts no attempt for what nobody was given meanwhile, ordered by %s",
    async (ordering) => {
      await h.define("orders", { ordering, leaseMs: 1_000, maxAttempts: 1 });
      await h.publish("orders", { body: 1, key: "a" }, { body: 2, key: "b" });
      const consumer = await h.attach("orders");
      const commit = store.hold("before write");
      const taken = h.take(consumer, 2);
      await commit.reached;
      await h.clock.advance(2_000);
      await commit.open();
      expect((await taken).map(({ sequence, attempt }) => [sequence, attempt])).toEqual([
        [1, 1],
        [2, 1],
      ]);
      await h.ack(consumer, ...(await taken));
      await h.checkCounts();
    },
  );
});

describe("a read of the due list", () => {
  /** Leaves a message with a priority, of which memory knows nothing. */
  async function leaveRaised(): Promise<void> {
    await h.define("orders");
    await h.publish("orders", { body: 1, priority: 1 });
    await h.restart("crash");
  }
  const raised = [2, 3].map((body) => ({ body, priority: 1 }));

  it("P1: a message that is stored while the read is under way is leased all the same", async () => {
    await leaveRaised();
    const read = store.hold("after read", ofDueList);
    const consumer = await h.attach("orders");
    await read.reached;
    await h.publish("orders", ...raised);
    await h.quiet();
    await read.open();
    expect(bodiesOf(await h.take(consumer, 3))).toEqual([1, 2, 3]);
    await h.expectNothing(consumer);
    await h.checkCounts();
  });

  it("L1: a message that the read found before its commit was shown is leased once", async () => {
    await leaveRaised();
    const commit = store.hold("after write");
    const publishing = h.publish("orders", ...raised);
    await commit.reached;
    const read = store.hold("before read", ofDueList);
    const consumer = await h.attach("orders");
    await read.reached;
    await read.open();
    await commit.open();
    await publishing;
    expect(bodiesOf(await h.take(consumer, 3))).toEqual([1, 2, 3]);
    await h.expectNothing(consumer);
    await h.checkCounts();
  });

  it("D1: a queue that is removed meanwhile leaves nothing in the store", async () => {
    await h.define("orders");
    const before = await h.attach("orders");
    await h.publish("orders", 1, 2, 3);
    for (const delivery of await h.take(before, 3)) await h.nack(before, delivery, { delayMs: 0 });
    await h.take(before, 3);
    await h.restart("crash");
    const read = store.hold("after read", ofDueList);
    await h.attach("orders");
    await read.reached;
    await h.engine.remove(h.address("orders"));
    await h.until("the queue to be cleared", async () => (await leftOfOrders()) === 0);
    await read.open();
    await h.quiet();
    expect(await leftOfOrders()).toBe(0);
  });
});

describe("counts of due lists that are read from the store", () => {
  /** 4 messages wait for an hour and 4 for a second, 4 are in the log; nobody consumes, so memory knows nothing of them. */
  async function leaveDelayed(): Promise<void> {
    await h.define("orders");
    await h.publish("orders", ...Array.from({ length: 12 }, (_, index) => index));
    const consumer = await h.attach("orders", 8);
    for (const [index, held] of (await h.take(consumer, 8)).entries()) {
      await h.nack(consumer, held, { delayMs: index < 4 ? HOUR_MS : 1_000 });
    }
    await h.restart("reopen");
  }

  for (const moment of ["before read", "after read"] as const) {
    it(`C1: are those of one moment: what comes, goes and is leased meanwhile (held ${moment})`, async () => {
      await leaveDelayed();
      const read = store.hold(moment, ofDueList);
      const counting = h.stats("orders");
      await read.reached;
      await h.clock.advance(1_000);
      const consumer = await h.attach("orders", 8);
      const [nacked, acked, ...held] = await h.take(consumer, 8);
      if (nacked === undefined || acked === undefined) throw new Error("nothing leased");
      await h.nack(consumer, nacked, { delayMs: 500 });
      await h.ack(consumer, acked);
      await read.open();
      // By the clock as the counting began, what is back since waits as well.
      expect(await counting).toMatchObject({ ready: 0, inFlight: held.length, delayed: 5, acked: 1, oldestAgeMs: 0 });
      expect(await h.stats("orders")).toMatchObject({ ready: 0, inFlight: held.length, delayed: 5, acked: 1, oldestAgeMs: 1_000 });
    });

    it(`C1: are those of one moment: a purge meanwhile, and what comes after it (held ${moment})`, async () => {
      await leaveDelayed();
      const read = store.hold(moment, ofDueList);
      const counting = h.stats("orders");
      await read.reached;
      await h.engine.purge(h.address("orders"));
      const consumer = await h.attach("orders", 8);
      await h.publish("orders", "new");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 500 });
      await read.open();
      expect(await counting).toMatchObject({ ready: 0, inFlight: 0, delayed: 1, purged: 12, published: 13 });
    });
  }

  /** 3 messages wait for an hour, and 2 of them expire after 2 s. */
  async function leaveExpiring(): Promise<void> {
    await h.define("orders");
    await h.publish("orders", "stays", { body: 1, ttlMs: 2_000 }, { body: 2, ttlMs: 2_000 });
    const consumer = await h.attach("orders");
    for (const held of await h.take(consumer, 3)) await h.nack(consumer, held, { delayMs: HOUR_MS });
    await h.restart("reopen");
  }

  it("C1: are those of one moment: what went before, and is in the store until its commit is durable", async () => {
    await leaveExpiring();
    const commit = store.hold("before write", (key) => key[0] !== keys.metaKey[0]);
    await h.clock.advance(2_000);
    await commit.reached;
    const counting = h.stats("orders");
    await turn();
    await commit.open();
    expect(await counting).toMatchObject({ ready: 0, delayed: 1, dead: 2 });
  });

  it("C1: are those of one moment: what goes after it was read", async () => {
    await leaveExpiring();
    const due = store.hold("after read", ofDueList);
    const counting = h.stats("orders");
    await due.reached;
    const log = store.hold("before read", ofBlocks);
    await due.open();
    await log.reached;
    await h.clock.advance(2_000);
    await h.until("both to expire", () => h.engine.options(h.address("orders.dead")) !== undefined);
    await log.open();
    expect(await counting).toMatchObject({ ready: 0, delayed: 1, dead: 2 });
  });
});

describe("a read of a priority's messages", () => {
  it("is waited for, so that no lower message goes before them", async () => {
    await h.define("orders");
    await h.publish("orders", "low", { body: "high", priority: 5 });
    await h.restart("crash");
    const { from } = keys.dueRange(ORDERS, newListOf(5));
    const read = store.hold("before read", (key) => Buffer.compare(key.subarray(0, from.length), from) === 0);
    const consumer = await h.attach("orders", 1);
    await read.reached;
    await h.expectNothing(consumer);
    await read.open();
    expect(await h.takeOne(consumer)).toMatchObject({ body: "high" });
  });
});

describe("attempts after the end of a life", () => {
  it("L4: a lease given while a commit lowers the mark counts after a crash", async () => {
    await h.define("orders");
    const [idle, busy] = [await h.attach("orders", 100), await h.attach("orders", 100)];
    expect(await h.lease(idle, 100)).toEqual([]);
    await h.publish("orders", ...Array.from({ length: 100 }, (_, index) => index));
    const commit = store.hold("before write");
    const detached = h.engine.detach(idle, false);
    await commit.reached;
    const leasing = h.lease(busy, 10);
    await commit.open();
    await detached;
    const leased = sequencesOf(await leasing);
    expect(leased).toHaveLength(10);
    await h.restart("crash");
    const next = await h.take(await h.attach("orders"), 100);
    const counted = next.filter(({ sequence }) => leased.includes(sequence));
    expect(counted.map(({ attempt }) => attempt)).toEqual(leased.map(() => 2));
  });

  it.each(["reopen", "crash"] as const)(
    "L4: a message is not passed while its release is being stored, so it counts no attempt after a %s",
    async (way) => {
      await h.define("orders");
      const [consumer, other] = [await h.attach("orders", 100), await h.attach("orders", 1)];
      await h.publish("orders", "released", "nacked");
      const [released, nacked] = await h.take(consumer, 2);
      if (released === undefined || nacked === undefined) throw new Error("nothing leased");
      await h.nack(consumer, nacked, { delayMs: 1 });
      const commit = store.hold("before write");
      const releasing = h.release(consumer, released);
      await commit.reached;
      // The other message is due later than the one whose release is being stored.
      await h.clock.advance(1);
      expect(await h.lease(other, 1)).toEqual([]);
      await commit.open();
      await releasing;
      await h.restart(way);
      const bodies = (await h.take(await h.attach("orders"), 2)).map(({ body, attempt }) => [body, attempt]);
      expect(bodies).toEqual([
        ["released", 1],
        ["nacked", 2],
      ]);
    },
  );
});

describe("attempts after a crash", () => {
  it("L4: a publish that pushes out the oldest leaves the attempts of the others", async () => {
    await h.define("orders", { overflow: "dead-letter-oldest", depthMax: 3 });
    await h.publish("orders", 1, 2, 3);
    await h.take(await h.attach("orders", 3), 3);
    await h.restart("crash");
    await h.until("the due list is read", async () => (await h.publish("orders", 4))[0]?.error === undefined);
    const taken = await h.take(await h.attach("orders"), 3);
    expect(Object.fromEntries(taken.map(({ body, attempt }) => [Number(body), attempt]))).toEqual({ 2: 2, 3: 2, 4: 1 });
    expect(await h.scan("orders.dead")).toMatchObject([{ history: { reason: "overflow", sequence: 1, attempts: 1 } }]);
  });
});

describe("a queue that is full", () => {
  const COUNT = 40;
  /** So large that memory has the first ones only. */
  const bodyOf = (number: number): string => String(number).padStart(128 * 1024, "0");
  const numbers = (first: number, count = COUNT): number[] => Array.from({ length: count }, (_, index) => first + index);
  const numbersOf = (messages: readonly { readonly body: unknown }[]): number[] => messages.map(({ body }) => Number(body));

  it("D1: does not push out again what expired in a commit under way", async () => {
    await h.define("orders", { overflow: "dead-letter-oldest", depthMax: COUNT });
    for (let number = 1; number <= COUNT; number++)
      await h.publish("orders", { body: bodyOf(number), ...(number === COUNT - 1 && { ttlMs: 1_000 }) });
    await h.restart("reopen");
    const commit = store.hold("before write");
    await h.clock.advance(1_000);
    await commit.reached;
    const publishing = h.publish("orders", ...numbers(COUNT + 1));
    await turn();
    await commit.open();
    let left = (await publishing).filter(({ error }) => error !== undefined).length;
    await h.until("what is refused until more was read is stored", async () => {
      const fates = await h.publish("orders", ...numbers(2 * COUNT - left + 1, left));
      left = fates.filter(({ error }) => error !== undefined).length;
      return left === 0;
    });
    expect(numbersOf(await h.scan("orders.dead")).sort((a, b) => a - b)).toEqual(numbers(1));
    await h.checkCounts();
  });
});

describe("failures of the store", () => {
  it("P2: closing after a commit has failed writes nothing more", async () => {
    await h.define("orders");
    const commit = store.hold("before write");
    const failing = h.publish("orders", 1, 2, 3);
    await commit.reached;
    const waiting = h.publish("orders", 4, 5);
    const closing = h.close().catch((error: unknown) => error);
    const outcomes = Promise.allSettled([failing, waiting]);
    await commit.fail();
    expect(await outcomes).toMatchObject([
      { status: "rejected", reason: { code: "UNKNOWN" } },
      { status: "rejected", reason: { retryable: true } },
    ]);
    expect(await closing).toMatchObject({ code: "UNKNOWN" });
    await h.restart("reopen");
    expect(await h.stats("orders")).toMatchObject({ published: 0, ready: 0 });
    await h.publish("orders", "fine");
    expect(await h.takeOne(await h.attach("orders"))).toMatchObject({ body: "fine", sequence: 1 });
    await h.checkCounts();
  });

  it("a look at a queue whose read fails is refused, and the engine goes on", async () => {
    await h.publish("orders", "cod");
    const read = store.hold("before read");
    const look = h.scan("orders").catch((error: unknown) => error);
    await read.reached;
    await read.fail();
    expect(await look).toMatchObject({ code: "ENGINE_UNAVAILABLE", retryable: true });
    expect(h.told.states).toEqual([]);
    expect(await h.scan("orders")).toMatchObject([{ body: "cod" }]);
  });

  it("C2: one failure while a removed queue is cleared is made up for, and space is given back afterwards", async () => {
    await h.define("orders");
    await h.publish("orders", 1, 2, 3);
    const clear = store.hold("before clear");
    await h.engine.remove(h.address("orders"));
    await clear.reached;
    await clear.fail();
    await h.until("the removed queue to be cleared", async () => {
      await h.clock.advance(100);
      return h.told.states.at(-1) === undefined && (await leftOfOrders()) === 0;
    });
    const stops = h.told.states.length;
    await h.define("invoices");
    await drain("invoices", 20);
    store.reclaimed.length = 0;
    await h.until("space to be given back", async () => {
      await h.clock.advance(5_000);
      return store.reclaimed.some(({ from }) => ofBlocks(from));
    });
    expect(h.told.states).toHaveLength(stops);
  });
});

/** Publishes that many messages of 64 KiB and acks them. */
async function drain(queue: string, count: number): Promise<void> {
  const bodies = Array.from({ length: count }, () => "x".repeat(65_536));
  await h.publish(queue, ...bodies);
  const consumer = await h.attach(queue);
  await h.ack(consumer, ...(await h.take(consumer, count)));
}

describe("a backup", () => {
  it("C2: is let go when nobody reads on, also after a read that failed", async () => {
    await h.publish("orders", 1);
    const snapshot = await store.snapshot();
    const opened = vi.spyOn(store, "snapshot").mockResolvedValueOnce({
      read: () => Promise.reject(new Error("too many open files")),
      close: () => snapshot.close(),
    });
    const backup = await h.engine.backup();
    await expect(backup.next()).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    await expect(h.engine.backup()).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await h.clock.advance(60_000);
    await (await h.engine.backup()).close();
    expect(opened).toHaveBeenCalledTimes(2);
  });
});

describe("a queue that is removed", () => {
  it("L5: its consumers are told that the engine began anew where that could not be written", async () => {
    await h.define("orders");
    const consumer = await h.attach("orders");
    const commit = store.hold("before write");
    const removed = h.engine.remove(h.address("orders")).catch((error: unknown) => error);
    await commit.reached;
    await commit.fail();
    expect(await removed).toMatchObject({ code: "UNKNOWN" });
    expect(h.told.detached.map(({ consumer: number, reason }) => [number, reason])).toEqual([[consumer, "engine-restarted"]]);
  });

  it("D1: nothing is written of it when the ids that it remembered are over", async () => {
    await h.define("orders", { dedupWindowMs: 1_000 });
    const commit = store.hold("after write");
    const first = h.publish("orders", { body: 1, id: "a" });
    await commit.reached;
    const second = h.publish("orders", { body: 2, id: "b" }).catch(() => undefined);
    const removed = h.engine.remove(h.address("orders"));
    await commit.open();
    await Promise.all([first, second, removed]);
    await h.until("the removed queue to be cleared", async () => (await leftOfOrders()) === 0);
    await h.clock.advance(1_000);
    await h.quiet();
    expect(await leftOfOrders()).toBe(0);
  });
});

describe("a fifo queue of which more was given back than memory keeps", () => {
  it("L1: what was about to be sent at a crash comes once, in its place", async () => {
    await h.define("orders", { ordering: "fifo", leaseMs: HOUR_MS });
    const consumer = await h.attach("orders", 400);
    await h.publish("orders", ...Array.from({ length: 300 }, (_, index) => index + 1));
    // It would take a hundred more, so those that come are marked with their own commit.
    const held = await h.lease(consumer, 400);
    expect(held).toHaveLength(300);
    const commit = store.hold("after write");
    const published = h.publish("orders", ...Array.from({ length: 10 }, (_, index) => index + 301));
    await commit.reached;
    const [first] = held;
    const nacked = h.settle(consumer, { first: first?.lease ?? 0, count: 1, verb: "nack", delayMs: 60_000 });
    await commit.open();
    await Promise.all([published, nacked]);
    await h.restart("crash");
    await h.clock.advance(60_000);
    const next = await h.attach("orders", 400);
    const again = await h.take(next, 310);
    expect(sequencesOf(again)).toEqual(Array.from({ length: 310 }, (_, index) => index + 1));
    await h.ack(next, ...again);
    await h.checkCounts();
  });
});

describe("bounds", () => {
  it("C2: the space of a drained log is given back although its first message was held for long", async () => {
    await h.define("orders", { leaseMs: 12 * HOUR_MS });
    for (let block = 0; block < 40; block++) await h.publish("orders", "x".repeat(65_536));
    const consumer = await h.attach("orders");
    const [first, ...others] = await h.take(consumer, 40);
    if (first === undefined) throw new Error("nothing leased");
    await h.ack(consumer, ...others);
    await h.clock.advance(11_000);
    await h.ack(consumer, first);
    await h.clock.advance(60_000);
    const through = store.reclaimed.filter(({ from }) => ofBlocks(from)).map(({ to }) => keys.positionOf(to));
    expect(Math.max(...through)).toBeGreaterThan(39);
  });

  it("C2: a producer with 1,024 refused numbers is stored in little, and a resend is refused again", async () => {
    await h.define("orders");
    const id = "\u0001".repeat(128);
    await h.publish("orders", { id, body: "first" });
    const refused = Array.from({ length: 1_024 }, (_, body) => ({ id, body }));
    const producer = { id: "producer-1", firstNumber: 1, oldestOpen: 1 };
    for (let round = 0; round < 2; round++) {
      const fates = await h.produce("orders", producer, ...refused);
      expect(new Set(fates.map(({ error }) => error))).toEqual(new Set(["ID_CONFLICT"]));
    }
    const { from, to } = keys.kindRange.producers;
    const stored = (await entriesBetween(from, to)).reduce((bytes, [, value]) => bytes + value.length, 0);
    expect(stored).toBeLessThan(65_536);
    await h.restart("crash");
    expect(await h.produce("orders", producer, { id, body: 0 })).toMatchObject([{ error: "ID_CONFLICT" }]);
  });
});

/** Begins to look at messages, and stops before or after so many reads of the store. */
async function stoppedAt<T>(
  read: number,
  moment: Moment,
  look: () => Promise<T>,
): Promise<{ readonly gate: Gate; readonly looking: Promise<T> }> {
  let gate = store.hold(moment);
  const looking = look();
  for (let passed = 1; passed < read; passed++) {
    await gate.reached;
    const next = store.hold(moment);
    await gate.open();
    gate = next;
  }
  await gate.reached;
  return { gate, looking };
}

describe("a peek", () => {
  const KEYS = ["a", "b", "c", "d"];

  it.each(
    (["none", "key", "fifo"] as const).flatMap((ordering) =>
      [1, 2, 3, 4, 5, 6].flatMap((read) => (["before read", "after read"] as const).map((moment) => ({ ordering, read, moment }))),
    ),
  )("shows each message once, though they move $moment $read, ordered by $ordering", async ({ ordering, read, moment }) => {
    await h.define("orders", { ordering, maxAttempts: 0 });
    await h.publish("orders", ...KEYS.map((key) => ({ body: key, key })), { body: "late", key: "e", delayMs: 1_000 });
    const level = ordering === "none" ? { priority: 3 } : {};
    await h.publish("orders", { body: "raised", key: "f", ...level }, { body: "raised and late", key: "g", delayMs: 1_000, ...level });
    const consumer = await h.attach("orders", 3);
    const [first, second, third] = await h.take(consumer, 3);
    if (!first || !second || !third) throw new Error("nothing leased");
    await h.nack(consumer, third, { delayMs: 500 });
    await h.quiet();
    const { gate, looking } = await stoppedAt(read, moment, () => h.engine.peek(h.address("orders"), 0, 100));
    for (const delivery of [first, second]) await h.nack(consumer, delivery, { delayMs: 100 });
    await h.clock.advance(1_000);
    await h.quiet();
    await gate.open();
    const bodies = readPeeked((await looking).items).map(({ body }) => body);
    expect(bodies.sort()).toEqual([...KEYS, "late", "raised", "raised and late"].sort());
    await h.checkCounts();
  });
});

describe("a page of dead letters", () => {
  it.each([1, 2, 3].flatMap((read) => (["before read", "after read"] as const).map((moment) => ({ read, moment }))))(
    "has each letter once, though one is given back $moment $read",
    async ({ read, moment }) => {
      await h.define("orders");
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders");
      for (const delivery of await h.take(consumer, 3)) await h.reject(consumer, delivery);
      const gravedigger = await h.attach("orders.dead");
      const [first, second] = await h.take(gravedigger, 2);
      if (!first || !second) throw new Error("nothing leased");
      await h.nack(gravedigger, second, { delayMs: 500 });
      await h.quiet();
      const { gate, looking } = await stoppedAt(read, moment, () => h.engine.deadLetters(h.address("orders"), 0, 100));
      await h.nack(gravedigger, first, { delayMs: 100 });
      await h.clock.advance(1_000);
      await h.nack(gravedigger, await h.takeOne(gravedigger), { delayMs: 100 });
      await h.quiet();
      await gate.open();
      expect(readPeeked((await looking).items).map(({ body }) => body)).toEqual([1, 2, 3]);
    },
  );
});
