import { ByteWriter, writeRecord } from "holdfast-client/protocol";
import { describe, expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../clock.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { fillWindow } from "../engines/read-ahead.js";
import type { QueueOptions } from "../options.js";
import type { Consumer } from "./consumer.js";
import { Core } from "./core.js";
import { Heap } from "./heap.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";

const ADDRESS = { namespace: "/", queue: "orders" };
const START = 1_700_000_000_000;

/** A core whose commits are durable as soon as they are made. */
class Bench {
  readonly store = new MemoryStore();
  readonly core = new Core(1, { get: (key) => this.store.get(key), random: () => 0 });
  readonly queue: Queue;
  now = START;

  constructor(options: Partial<QueueOptions>) {
    this.queue = this.core.catalog.define(ADDRESS, options);
    this.commit();
  }

  /** Brings what the window has room for. */
  async fill(): Promise<void> {
    const clock: Clock = { ...systemClock, now: () => this.now };
    while (this.queue.wantsLog !== undefined) await fillWindow(this.core, this.store, this.queue, clock);
  }

  /** Returns the keys that were written. */
  commit(): string[] {
    const sealed = this.core.seal(this.now);
    void this.store.write(sealed.writes);
    this.core.committed(sealed);
    return sealed.writes.map(({ key }) => Buffer.from(key).toString("hex").slice(0, 2));
  }

  publish(...keys: string[]): void {
    const writer = new ByteWriter();
    for (const [index, key] of keys.entries()) writeRecord(writer, { id: `m${index}`, key }, "cod");
    this.core.append([{ ...ADDRESS, count: keys.length, records: writer.take() }], false, this.now);
  }

  lease(consumer: Consumer, count = 1_000): { sequences: number[]; wait: boolean } {
    const { leases, wait } = this.core.lease(consumer, count, 1_000_000, this.now);
    return { sequences: leases.map(({ sequence }) => sequence), wait };
  }

  /** Acks whatever the consumer holds. */
  ackAll(consumer: Consumer): void {
    for (const lease of consumer.leases.keys()) this.core.settle(consumer, [{ first: lease, count: 1, verb: "ack" }], this.now);
  }

  /** Sequences that count an attempt if it ended now. */
  marked(): number[] {
    const marked: number[] = [];
    for (const block of this.queue.blocks.values())
      for (let index = 0; index < block.count; index++)
        if (block.isLeased(index) && !block.isSettled(index)) marked.push(block.first + index);
    return marked;
  }
}

describe("messages of ordered queues that are marked ahead", () => {
  it("O1: the next of a key is marked with the settlement before it, and then needs no commit of its own", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.publish("a", "a", "b");
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [1, 3], wait: true });
    bench.commit();
    bench.ackAll(consumer);
    expect(bench.lease(consumer).sequences, "before the settlement is durable").toEqual([]);
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [2], wait: false });
  });

  it("L4: what was stored before the one before it was settled, or with that, is marked by then", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.lease(consumer);
    bench.publish("a");
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [1], wait: false });
    bench.publish("a");
    const stored = bench.core.seal(bench.now);
    bench.ackAll(consumer);
    bench.core.committed(stored);
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [2], wait: false });
    bench.publish("a");
    bench.ackAll(consumer);
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [3], wait: false });
  });

  it("L4: what is marked does not wait for the commit that marks another", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.publish("a", "a", "b", "b");
    bench.commit();
    expect(bench.lease(consumer, 2), "and not looked any further").toEqual({ sequences: [1, 3], wait: true });
    bench.commit();
    bench.ackAll(consumer);
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [2], wait: false });
    expect(bench.core.work.has(bench.queue), "there is more").toBe(true);
    expect(bench.lease(consumer)).toEqual({ sequences: [4], wait: true });
  });

  it("L4: nor is the next of a key marked when the one before it was given back", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.publish("a", "a");
    bench.commit();
    bench.lease(consumer);
    bench.commit();
    for (const lease of consumer.leases.keys()) bench.core.settle(consumer, [{ first: lease, count: 1, verb: "nack" }], bench.now);
    bench.commit();
    expect(bench.marked()).toEqual([]);
  });

  it.each(["key", "fifo"] as const)("L4: a waiting consumer of a %s queue is given a new message without a commit between", (ordering) => {
    const bench = new Bench({ ordering });
    const consumer = bench.core.attach(bench.queue, 100);
    expect(bench.lease(consumer).sequences).toEqual([]);
    bench.publish("a", "b");
    bench.commit();
    expect(bench.lease(consumer)).toEqual({ sequences: [1, 2], wait: false });
    expect(bench.marked()).toEqual([1, 2]);
  });

  it.each(["key", "fifo"] as const)(
    "D1: what was marked ahead, let go and expired since does not come back into a %s queue",
    async (ordering) => {
      const bench = new Bench({ ordering, ttlMs: 1_000, deadLetter: false });
      const { queue, core, store } = bench;
      const consumer = core.attach(queue, 100);
      bench.lease(consumer);
      bench.publish("a", "b");
      // A read of the log is under way: what is stored meanwhile does not stay in memory.
      queue.readingLog = true;
      bench.commit();
      queue.readingLog = false;
      bench.now += 2_000;
      const expired = await store.read({ ...keys.expiryRange(queue.number), entriesMax: 10, bytesMax: 1_000 });
      expect(expired).toHaveLength(1);
      core.expiry.look(queue, expired, bench.now);
      for (let commits = 0; commits < 3; commits++) {
        bench.commit();
        core.detach(core.attach(queue, 1), false, bench.now);
      }
      expect(queue.live).toBe(0);
      for (const key of [keys.blockKey(queue.number, 1), keys.settledKey(queue.number, 1)]) expect(store.get(key)).toBeUndefined();
    },
  );

  it("L4: what nobody took after all is not marked any more after the next commit", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.lease(consumer);
    bench.publish("a");
    bench.commit();
    expect(bench.marked()).toEqual([1]);
    bench.core.detach(consumer, false, bench.now);
    bench.commit();
    expect(bench.marked()).toEqual([]);
  });

  it.each(["leaves", "is paused"] as const)("L4: nor is the next of a key whose consumer settles and %s in one commit", (what) => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.publish("a", "a");
    bench.commit();
    bench.lease(consumer);
    bench.commit();
    bench.ackAll(consumer);
    if (what === "leaves") bench.core.detach(consumer, false, bench.now);
    else bench.core.administration.pause(bench.queue);
    bench.commit();
    expect(bench.marked()).toEqual([]);
  });

  it("L4: nor is what was stored while its consumer left", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.lease(consumer);
    bench.publish("a");
    const sealed = bench.core.seal(bench.now);
    bench.core.detach(consumer, false, bench.now);
    bench.core.committed(sealed);
    const { writes } = bench.core.seal(bench.now);
    const bitmaps = writes.filter(({ key }) => Buffer.from(key).toString("hex").startsWith("21"));
    expect(bitmaps.map(({ value }) => [...(value ?? [])])).toEqual([[0, 0]]);
  });

  it("L4: where one attempt is all, nothing is marked ahead", () => {
    const bench = new Bench({ ordering: "fifo", maxAttempts: 1 });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.lease(consumer);
    bench.publish("a");
    bench.commit();
    expect(bench.marked()).toEqual([]);
    expect(bench.lease(consumer)).toEqual({ sequences: [1], wait: true });
  });

  it("L4: a message of a fifo queue that is leased while its mark is written waits for a commit of its own", () => {
    const bench = new Bench({ ordering: "fifo" });
    const consumer = bench.core.attach(bench.queue, 3);
    bench.lease(consumer);
    bench.publish("a", "b", "c", "d");
    bench.commit();
    expect(bench.lease(consumer, 1)).toEqual({ sequences: [1], wait: false });
    const sealed = bench.core.seal(bench.now);
    bench.core.committed(sealed);
    bench.core.settle(consumer, [{ first: 1, count: 1, verb: "ack" }], bench.now);
    const writing = bench.core.seal(bench.now);
    expect(bench.lease(consumer, 3), "what was marked does not wait").toEqual({ sequences: [2, 3], wait: false });
    expect(bench.lease(consumer, 3)).toEqual({ sequences: [4], wait: true });
    bench.core.committed(writing);
    bench.commit();
    expect(bench.marked()).toEqual([2, 3, 4]);
  });

  it("L4: nor is one of a fifo queue that came in line while its mark was written, and was not leased", () => {
    const bench = new Bench({ ordering: "fifo" });
    const consumer = bench.core.attach(bench.queue, 10);
    bench.lease(consumer);
    for (const stored of ["a", "b"]) {
      bench.publish(stored);
      bench.commit();
    }
    bench.publish("c");
    const writing = bench.core.seal(bench.now);
    // The second is more than it can take now, so it comes in line and no further.
    const { leases } = bench.core.lease(consumer, 10, 1, bench.now);
    expect(leases.map(({ sequence }) => sequence)).toEqual([1]);
    bench.core.committed(writing);
    expect(bench.marked()).toContain(2);
    bench.core.detach(consumer, false, bench.now);
    bench.commit();
    expect(bench.marked()).toEqual([]);
  });
});

describe("a key whose head waits for its time", () => {
  it("C2: is looked at once then, however many messages came to wait behind it", () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 100);
    bench.publish("a");
    bench.commit();
    const [lease] = bench.core.lease(consumer, 100, 1_000_000, bench.now).leases;
    bench.core.settle(consumer, [{ first: lease?.lease ?? 0, count: 1, verb: "nack", delayMs: 60_000 }], bench.now);
    bench.commit();
    const waits = vi.spyOn(Heap.prototype, "push");
    for (let round = 0; round < 100; round++) {
      bench.publish(...new Array<string>(10).fill("a"));
      bench.commit();
      bench.lease(consumer);
    }
    expect(waits.mock.calls.length).toBeLessThan(5);
    bench.now += 60_000;
    expect(bench.lease(consumer).sequences).toEqual([1]);
  });
});

describe("a backlog of many keys", () => {
  it("C2: is not looked through further than needed, nor sent to the store again, while its keys move on", () => {
    const bench = new Bench({ ordering: "key" });
    const keys = Array.from({ length: 50_000 }, (_, index) => `key-${index % 100}`);
    const consumer = bench.core.attach(bench.queue, 10_000);
    for (let at = 0; at < keys.length; at += 10_000) bench.publish(...keys.slice(at, at + 10_000));
    bench.commit();
    const written = new Set<string>();
    for (let round = 0; round < 100; round++) {
      bench.now += 5;
      bench.lease(consumer);
      bench.ackAll(consumer);
      for (const key of bench.commit()) written.add(key);
    }
    expect(bench.queue.heldCount).toBe(0);
    expect(bench.queue.counts.acked).toBe(10_000);
    expect(bench.queue.cursor).toBeLessThan(40_000);
  });

  it("O4: is looked through to its end while all the keys at its front are stuck", async () => {
    const bench = new Bench({ ordering: "key" });
    const consumer = bench.core.attach(bench.queue, 10_000);
    const stuck = Array.from({ length: 40_000 }, (_, index) => `stuck-${index % 80}`);
    bench.publish(...stuck, "free");
    bench.commit();
    const sequences: number[] = [];
    for (let round = 0; round < 200 && !sequences.includes(40_001); round++) {
      bench.now += 5;
      bench.core.wake(bench.now);
      sequences.push(...bench.lease(consumer).sequences);
      bench.commit();
      await bench.fill();
    }
    expect(sequences).toContain(40_001);
    expect(bench.queue.heldCount).toBeGreaterThan(0);
  });
});
