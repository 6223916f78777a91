import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { Harness } from "./conformance/harness.js";
import type { Delivery } from "./conformance/messages.js";
import { GatedStore } from "./gated-store.js";
import { hostOn } from "./memory/memory-host.js";
import { MemoryStore } from "./memory/memory-store.js";

const PATIENCE_MS = 5_000;
const BLOCKS = 40;
const BLOCK = 200;
/** The first queue that a store ever has. */
const ORDERS = 1;

let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  store = new GatedStore(new MemoryStore());
  h = await Harness.open(hostOn(store, () => 0));
  await h.define("orders", { leaseMs: 3_600_000 });
});

afterEach(() => h.close());

/** Bytes of the log of the first queue, with its keys and bitmaps. */
async function storedBytes(): Promise<number> {
  let bytes = 0;
  for (const keyOf of [keys.blockKey, keys.settledKey]) {
    const range = { from: keyOf(ORDERS, 0), to: keyOf(ORDERS, keys.POSITIONS_END) };
    const entries = await store.read({ ...range, entriesMax: 100_000, bytesMax: Number.MAX_SAFE_INTEGER });
    for (const [key, value] of entries) bytes += key.length + value.length;
  }
  return bytes;
}

async function settleDown(): Promise<void> {
  await h.quiet();
  await h.clock.advance(PATIENCE_MS);
  await h.quiet();
}

async function fill(bodyBytes: number): Promise<void> {
  for (let block = 0; block < BLOCKS; block++) {
    await h.publish("orders", ...Array.from({ length: BLOCK }, (_, index) => String(block * BLOCK + index).padEnd(bodyBytes, ".")));
  }
}

describe("live messages are at least half of what the log stores", () => {
  it.each([1, 2, 20, 99, 150])("with %i survivors of 200 in each block", async (survivors) => {
    await fill(256);
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, BLOCKS * BLOCK);
    await h.ack(consumer, ...held.filter(({ sequence }) => sequence % BLOCK >= survivors));
    await settleDown();
    const { bytes, inFlight } = await h.stats("orders");
    expect(inFlight).toBe(BLOCKS * survivors);
    expect(bytes / (await storedBytes())).toBeGreaterThanOrEqual(0.5);
    await h.checkCounts();
  });

  it("when survivors go one after the other", async () => {
    await fill(256);
    const consumer = await h.attach("orders", 10_000);
    let held = await h.take(consumer, BLOCKS * BLOCK);
    for (let left = held.length; left > BLOCKS; left = held.length) {
      const gone = held.filter(({ sequence }, index) => sequence % BLOCK !== 0 && index % 2 === 0);
      const { lease } = gone[0] ?? {};
      if (lease === undefined) break;
      await h.ack(consumer, ...gone);
      const settled = new Set<Delivery>(gone);
      held = held.filter((delivery) => !settled.has(delivery));
      await settleDown();
      const { bytes } = await h.stats("orders");
      expect(bytes / (await storedBytes()), `${held.length} left`).toBeGreaterThanOrEqual(0.5);
    }
  });

  it("after a graceful restart that comes before the patience is over", async () => {
    await fill(256);
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, BLOCKS * BLOCK);
    await h.ack(consumer, ...held.filter(({ sequence }) => sequence % BLOCK !== 7));
    await h.restart("reopen");
    const { bytes, ready } = await h.stats("orders");
    expect(ready).toBe(BLOCKS);
    expect(bytes / (await storedBytes())).toBeGreaterThanOrEqual(0.5);
  });
});

describe("a block that is written anew", () => {
  it("is left alone as long as it may soon be settled whole", async () => {
    await fill(256);
    const before = await storedBytes();
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, BLOCKS * BLOCK);
    await h.ack(consumer, ...held.filter(({ sequence }) => sequence % BLOCK !== 7));
    expect(await storedBytes()).toBeGreaterThanOrEqual(before);
    await h.ack(consumer, ...held.filter(({ sequence }) => sequence % BLOCK === 7));
    expect(await storedBytes()).toBe(0);
  });

  it("is read as it was while the commit that changes it is under way", async () => {
    // So many bytes that memory lets go of the first blocks.
    await fill(4_096);
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, BLOCKS * BLOCK);
    await h.ack(consumer, ...held.filter(({ sequence }) => sequence % BLOCK > 1));
    const commit = store.hold("before write", (key) => key[0] === keys.blockKey(ORDERS, 0)[0]);
    await h.clock.advance(PATIENCE_MS);
    await commit.reached;
    const survivors = held.filter(({ sequence }) => sequence % BLOCK <= 1);
    const [early] = survivors;
    if (early === undefined) throw new Error("nothing survived");
    const nacked = h.nack(consumer, early, { delayMs: 0 });
    await commit.open();
    await nacked;
    expect(await h.takeOne(consumer)).toMatchObject({ body: early.body, attempt: 2 });
    await settleDown();
    for (const delivery of survivors.slice(1)) await h.nack(consumer, delivery, { delayMs: 0 });
    const again = await h.take(consumer, survivors.length - 1);
    expect(again.map(({ body }) => body)).toEqual(survivors.slice(1).map(({ body }) => body));
  });

  it("leaves no word of when messages expire that are gone", async () => {
    const messages = Array.from({ length: 100 }, (_, index) => ({ body: "x".repeat(200), ttlMs: 100_000 + 1_000 * index }));
    await h.publish("orders", ...messages);
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, 100);
    await h.ack(consumer, ...held.slice(0, 60));
    await settleDown();
    await h.restart("crash");
    const next = await h.attach("orders", 10_000);
    await h.ack(next, ...(await h.take(next, 40)));
    await h.quiet();
    const range = keys.expiryRange(ORDERS);
    expect(await store.read({ ...range, entriesMax: 1_000, bytesMax: Number.MAX_SAFE_INTEGER })).toEqual([]);
  });

  it("is found damaged, not copied", async () => {
    await fill(4_096);
    const consumer = await h.attach("orders", 10_000);
    const held = await h.take(consumer, BLOCKS * BLOCK);
    const key = keys.blockKey(ORDERS, 1);
    const stored = store.get(key);
    if (stored === undefined) throw new Error("there is no block");
    const damaged = Uint8Array.from(stored);
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] ?? 0) ^ 1;
    await store.write([{ key, value: damaged }]);
    // So much is settled here, of blocks that all have survivors, that it is not waited for.
    const acked = h.ack(consumer, ...held.filter(({ sequence }) => sequence % 8 !== 7));
    await expect(acked).rejects.toThrow("damaged");
    expect(store.get(key)).toEqual(Buffer.from(damaged));
  });
});
