import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { Harness } from "./conformance/harness.js";
import { RoomsOf } from "./conformance/phone.js";
import { StoredHost } from "./conformance/stored-host.js";
import { GatedStore } from "./gated-store.js";
import { createMemoryEngine } from "./memory/memory-engine.js";
import { MemoryStore } from "./memory/memory-store.js";

/** A store on a disk that a test fills. */
class FillingStore extends MemoryStore {
  full = false;

  override async spareBytes(): Promise<number> {
    return this.full ? -1 : Number.MAX_SAFE_INTEGER;
  }
}

let disk: FillingStore;
let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  disk = new FillingStore();
  store = new GatedStore(disk);
  h = await Harness.open(
    new StoredHost({
      store: () => store,
      engine: (fragile, clock) => createMemoryEngine({ store: fragile, clock, random: () => 0 }),
      destroy: async () => {},
    }),
  );
});

afterEach(async () => {
  await h.checkCounts();
  await h.close();
});

/** The first queue that a store ever has. */
const ORDERS = 1;
const ofDelays = (key: Uint8Array): boolean => key[0] === keys.delayedRange(ORDERS).from[0];
const ofExpiries = (key: Uint8Array): boolean => key[0] === keys.expiryRange(ORDERS).from[0];

/** Entries that the first queue has in the store, beside its definition and state. */
async function leftOfOrders(): Promise<number> {
  await h.quiet();
  let left = 0;
  for (const range of keys.contentRanges(ORDERS)) {
    left += (await disk.read({ ...range, entriesMax: 10_000, bytesMax: Number.MAX_SAFE_INTEGER })).length;
  }
  return left;
}

const bodies = (messages: readonly { readonly body: unknown }[]): unknown[] => messages.map(({ body }) => body);

describe("moving what is due", () => {
  it("T1: what is stored while the delayed ones are read comes in time, too", async () => {
    await h.define("orders");
    await h.publish("orders", { body: "first", delayMs: 1_000 }, { body: "last", delayMs: 60_000 });
    const read = store.hold("after read", ofDelays);
    await h.clock.advance(1_000);
    await read.reached;
    await h.publish("orders", { body: "soon", delayMs: 500 });
    await read.open();
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ ready: 1, delayed: 2 });
    await h.clock.advance(500);
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 2))).toEqual(["first", "soon"]);
  });

  it("T1, O2: what an ordered queue stores while something is due waits behind it, also when it is not durable yet", async () => {
    await h.define("orders", { ordering: "fifo" });
    await h.publish("orders", { body: "due", delayMs: 1_000 }, { body: "later", delayMs: 60_000 });
    const read = store.hold("before read", ofDelays);
    await h.clock.advance(1_000);
    await read.reached;
    const write = store.hold("before write");
    const waiting = [h.publish("orders", "a")];
    await write.reached;
    await read.open();
    waiting.push(h.publish("orders", "b"));
    await write.open();
    waiting.push(h.publish("orders", "c"));
    await Promise.all(waiting);
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 4))).toEqual(["due", "a", "b", "c"]);
  });

  it("T1, O2: what is stored while they are read comes before what is due later, however late the read is dealt with", async () => {
    await h.define("orders", { ordering: "fifo" });
    await h.publish("orders", { body: "due", delayMs: 1_000 }, { body: "later", delayMs: 1_500 });
    const read = store.hold("after read", ofDelays);
    await h.clock.advance(1_000);
    await read.reached;
    await h.publish("orders", "a", { body: "b", delayMs: 200 });
    await h.clock.advance(500);
    await read.open();
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 4))).toEqual(["due", "a", "b", "later"]);
  });

  it("T1, O2: so does what is not durable when the read is dealt with", async () => {
    await h.define("orders", { ordering: "fifo" });
    await h.publish("orders", { body: "due", delayMs: 1_000 }, { body: "later", delayMs: 1_500 });
    const read = store.hold("before read", ofDelays);
    await h.clock.advance(1_000);
    await read.reached;
    const write = store.hold("before write");
    const waiting = [h.publish("orders", "a")];
    await write.reached;
    waiting.push(h.publish("orders", { body: "b", delayMs: 200 }));
    await h.clock.advance(500);
    await read.open();
    await write.open();
    await Promise.all(waiting);
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 4))).toEqual(["due", "a", "b", "later"]);
  });

  it("G1: a purge while they are read takes them", async () => {
    await h.define("orders");
    await h.publish("orders", { body: 1, delayMs: 1_000 }, { body: 2, delayMs: 60_000 });
    const read = store.hold("after read", ofDelays);
    await h.clock.advance(1_000);
    await read.reached;
    const purged = h.engine.purge(h.address("orders"));
    await h.publish("orders", { body: 3, delayMs: 1_000 });
    await read.open();
    expect(await purged).toBe(2);
    await h.clock.advance(1_000);
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 1))).toEqual([3]);
    await h.expectNothing(consumer);
  });

  it("P1, D1: a crash when the move is on disk and nobody knows doubles nothing", async () => {
    await h.define("orders");
    await h.publish("orders", { body: 1, delayMs: 1_000 }, { body: 2, delayMs: 1_000 });
    const write = store.hold("after write");
    await h.clock.advance(1_000);
    await write.reached;
    const crashed = h.restart("crash");
    await write.open();
    await crashed;
    const consumer = await h.attach("orders");
    expect(bodies(await h.take(consumer, 2))).toEqual([1, 2]);
    await h.expectNothing(consumer);
  });

  it("a deleted queue moves nothing", async () => {
    await h.define("orders");
    await h.publish("orders", { body: 1, delayMs: 1_000, ttlMs: 5_000 }, { body: 2, ttlMs: 1_000 });
    const reads = [store.hold("after read", ofDelays), store.hold("after read", ofExpiries)];
    await h.clock.advance(1_000);
    for (const read of reads) await read.reached;
    await h.engine.remove(h.address("orders"));
    for (const read of reads) await read.open();
    expect(await leftOfOrders()).toBe(0);
    expect(disk.get(keys.stateKey(ORDERS))).toBeUndefined();
  });

  it("while the disk is full only a little is moved, and the rest when there is room", async () => {
    await h.define("orders");
    const text = "x".repeat(1_000);
    for (let round = 0; round < 20; round++) {
      await h.publish(
        "orders",
        ...Array.from({ length: 50 }, (_, index) => ({ body: `${round * 50 + index} ${text}`, delayMs: 1_000 + round })),
      );
    }
    disk.full = true;
    await h.clock.advance(900);
    await h.quiet();
    await h.clock.advance(200);
    await h.quiet();
    const { ready } = await h.stats("orders");
    expect(ready).toBeGreaterThan(0);
    expect(ready).toBeLessThan(500);
    const consumer = await h.attach("orders", 2_000);
    await h.ack(consumer, ...(await h.take(consumer, ready)));
    await h.until("consumers go on", async () => {
      await h.clock.advance(1_000);
      return (await h.stats("orders")).ready > 0;
    });
    disk.full = false;
    await h.until("all are moved", async () => {
      await h.clock.advance(1_000);
      return (await h.stats("orders")).delayed === 0;
    });
  });

  describe("with much more than consumers take at once", () => {
    const COUNT = 40;
    const LARGE = { text: "x".repeat(100_000) };

    /** Delays of which each is an entry of its own. */
    async function delayMuch(): Promise<void> {
      await h.define("orders");
      for (let number = 0; number < COUNT; number++) await h.publish("orders", { body: { number, ...LARGE }, delayMs: 1_000 + number });
    }

    const numbers = (messages: readonly { readonly body: unknown }[]): unknown[] =>
      messages.map(({ body }) => (body as { readonly number: number }).number);

    it("what is due takes its place as consumers take what is before it", async () => {
      await delayMuch();
      const consumer = await h.attach("orders", COUNT);
      await h.clock.advance(1_000 + COUNT);
      await h.quiet();
      await h.quiet();
      expect((await h.stats("orders")).delayed).toBeGreaterThan(COUNT / 4);
      expect(numbers(await h.take(consumer, COUNT))).toEqual(Array.from({ length: COUNT }, (_, number) => number));
      expect(await h.stats("orders")).toMatchObject({ delayed: 0, ready: 0, inFlight: COUNT });
    });

    it("however slow they are, all of it takes its place in the end", async () => {
      await delayMuch();
      await h.attach("orders", COUNT);
      await h.clock.advance(1_000 + COUNT);
      await h.until("all are moved", async () => {
        await h.clock.advance(100);
        await h.quiet();
        return (await h.stats("orders")).ready === COUNT;
      });
    });

    for (const what of ["is nobody", "is a paused queue"] as const) {
      it(`where there ${what} it takes its place at once`, async () => {
        await delayMuch();
        if (what !== "is nobody") {
          await h.engine.pause(h.address("orders"));
          await h.attach("orders", COUNT);
        }
        await h.clock.advance(1_000 + COUNT);
        await h.until("all are moved", async () => (await h.stats("orders")).ready === COUNT);
      });
    }
  });
});

describe("looking for what expired", () => {
  for (const how of ["ack", "nack", "release", "reject"] as const) {
    it(`T2, C1: ${how} while the index is read counts the message once`, async () => {
      await h.define("orders", { leaseMs: 60_000 });
      await h.publish("orders", { body: 1, ttlMs: 1_000 }, { body: 2, ttlMs: 1_000 });
      const consumer = await h.attach("orders", 1);
      const held = await h.takeOne(consumer);
      const read = store.hold("after read", ofExpiries);
      await h.clock.advance(1_000);
      await read.reached;
      const settled =
        how === "ack"
          ? h.ack(consumer, held)
          : how === "nack"
            ? h.nack(consumer, held, { delayMs: 100 })
            : how === "release"
              ? h.release(consumer, held)
              : h.reject(consumer, held);
      await read.open();
      expect(await settled).toEqual(["ok"]);
      await h.quiet();
      const dead = how === "ack" ? 1 : 2;
      expect(await h.stats("orders")).toMatchObject({ dead, acked: 2 - dead, ready: 0, inFlight: 0, delayed: 0 });
      expect(await leftOfOrders()).toBe(0);
    });
  }

  it("T2, C1: of a message that is given back, and acked as the index is read, nothing is left", async () => {
    await h.define("orders", { leaseMs: 60_000 });
    await h.publish("orders", { body: 1, ttlMs: 5_000 });
    const consumer = await h.attach("orders");
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
    const again = await h.takeOne(consumer);
    const read = store.hold("after read", ofExpiries);
    await h.clock.advance(5_000);
    await read.reached;
    const acked = h.ack(consumer, again);
    await read.open();
    expect(await acked).toEqual(["ok"]);
    expect(await h.stats("orders")).toMatchObject({ dead: 0, acked: 1 });
    expect(await leftOfOrders()).toBe(0);
  });

  it("T2, C1: a lease while the index is read finds the message expired, once", async () => {
    await h.define("orders");
    await h.publish("orders", { body: 1, ttlMs: 1_000 }, "ok");
    const consumer = await h.attach("orders");
    const read = store.hold("after read", ofExpiries);
    await h.clock.advance(1_000);
    await read.reached;
    expect(bodies(await h.lease(consumer))).toEqual(["ok"]);
    await read.open();
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ dead: 1, inFlight: 1, ready: 0 });
  });

  it("T2, C1: a redrive and an expiry of one queue wait for each other", async () => {
    await h.define("orders", { deadLetter: "failed" });
    await h.define("failed", { deadLetter: false });
    const consumer = await h.attach("orders");
    await h.publish("orders", 1, 2);
    for (const delivery of await h.take(consumer, 2)) await h.reject(consumer, delivery);
    await h.publish("failed", { body: 3, ttlMs: 1_000 });
    const read = store.hold("after read", (key) => key[0] === keys.expiryRange(ORDERS).from[0]);
    await h.clock.advance(1_000);
    await read.reached;
    const redriven = h.engine.redrive(h.address("orders"), undefined);
    await read.open();
    expect(await redriven).toBe(2);
    await h.quiet();
    expect(await h.stats("failed")).toMatchObject({ expired: 1, acked: 2, ready: 0 });
  });

  it("the index goes with what it is about: acked, given back, parked, purged, expired", async () => {
    await h.define("orders", { ordering: "key", maxAttempts: 2, leaseMs: 600_000 });
    const drafts = (from: number) =>
      Array.from({ length: 600 }, (_, index) => ({ body: from + index, key: `k${index % 2}`, ttlMs: 50_000 + index }));
    await h.publish("orders", ...drafts(0));
    const consumer = await h.attach("orders", 2);
    for (const delivery of await h.take(consumer, 2)) await h.nack(consumer, delivery, { delayMs: 0 });
    const [a, b] = await h.take(consumer, 2);
    if (a === undefined || b === undefined) throw new Error("two deliveries expected");
    await h.ack(consumer, a);
    await h.quiet();
    expect(await leftOfOrders()).toBeGreaterThan(0);
    await h.engine.purge(h.address("orders"));
    expect(await leftOfOrders()).toBe(0);
    await h.publish("orders", ...drafts(600));
    await h.clock.advance(60_000);
    await h.until("all expired", async () => (await h.stats("orders")).dead === 600);
    expect(await leftOfOrders()).toBe(0);
  });
});

describe("ids that are remembered", () => {
  const DEDUP_MS = 60_000;
  const ROOM_DEDUP_MS = 600_000;
  const idsOf = async (): Promise<number> => (await disk.read({ ...keys.kindRange.ids, entriesMax: 10_000, bytesMax: 1e9 })).length;

  it("P4: those of a queue that rests are forgotten when the window is over, and not before", async () => {
    await h.define("orders", { dedupWindowMs: DEDUP_MS });
    for (const id of ["a", "b", "c"]) await h.publish("orders", { id, body: 1 });
    await h.clock.advance(DEDUP_MS - 1);
    await h.quiet();
    expect(await idsOf()).toBe(3);
    await h.clock.advance(1);
    await h.quiet();
    expect(await idsOf()).toBe(0);
    expect(await h.publish("orders", { id: "a", body: 1 })).toMatchObject([{ duplicate: false }]);
  });

  it("P4: however many commits there were", async () => {
    await h.define("orders", { dedupWindowMs: DEDUP_MS });
    for (let id = 0; id < 2_500; id++) await h.publish("orders", { id: `${id}`, body: 1 });
    await h.clock.advance(DEDUP_MS);
    await h.quiet();
    expect(await idsOf()).toBe(0);
  });

  it("P4: the youngest decides, and what others do with the queue meanwhile", async () => {
    await h.define("orders", { dedupWindowMs: DEDUP_MS });
    await h.publish("orders", { id: "a", body: 1 });
    await h.clock.advance(DEDUP_MS - 1);
    await h.publish("orders", { id: "b", body: 1 });
    await h.clock.advance(1);
    await h.publish("orders", { body: "no id" });
    await h.quiet();
    expect(await idsOf()).toBe(1);
    await h.clock.advance(DEDUP_MS - 2);
    await h.quiet();
    expect(await idsOf()).toBe(1);
    await h.clock.advance(1);
    await h.quiet();
    expect(await idsOf()).toBe(0);
  });

  it("P4: those that were over while the server was away are gone soon after it came back, others are not", async () => {
    await h.define("orders", { dedupWindowMs: DEDUP_MS });
    await h.define("bills", { dedupWindowMs: 2 * DEDUP_MS });
    await h.publish("orders", { id: "a", body: 1 });
    await h.publish("bills", { id: "a", body: 1 });
    await h.close();
    await h.clock.advance(DEDUP_MS);
    await h.reopen();
    await h.quiet();
    expect(await idsOf()).toBe(1);
    expect(await h.publish("bills", { id: "a", body: 1 })).toMatchObject([{ duplicate: true }]);
    expect(await h.publish("orders", { id: "a", body: 1 })).toMatchObject([{ duplicate: false }]);
    await h.engine.remove(h.address("orders"));
    await h.clock.advance(DEDUP_MS);
    await h.quiet();
    expect(await idsOf()).toBe(0);
  });

  it("P4: so are those of a room", async () => {
    await new RoomsOf(h).emit("kitchen", { id: "a", body: 1 }, { id: "b", body: 1 });
    await h.clock.advance(ROOM_DEDUP_MS - 1);
    await h.quiet();
    expect(await idsOf()).toBe(1);
    await h.clock.advance(1);
    await h.quiet();
    expect(await idsOf()).toBe(0);
  });
});
