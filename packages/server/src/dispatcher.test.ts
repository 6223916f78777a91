import { describe, expect, it } from "vitest";
import { Consumer, type Sink } from "./consumer.js";
import { Dispatcher } from "./dispatcher.js";
import type { Engine, Leased } from "./engine.js";
import { ManualClock, turn } from "./engines/conformance/manual-clock.js";
import { silentLog } from "./log.js";

const address = { namespace: "/", queue: "q" };
const nothing = new Uint8Array(0);
const leased = (lease: number): Leased => ({
  lease,
  sequence: lease,
  attempt: 1,
  publishedAt: 0,
  leaseUntil: 0,
  leaseMs: 0,
  bytes: nothing,
  start: 0,
  end: 0,
});

/** An engine whose lease calls a test answers, one by one. */
class ScriptedEngine {
  readonly calls: {
    consumer: number;
    count: number;
    answer(leases: readonly number[]): Promise<void>;
    fail(error: Error): Promise<void>;
  }[] = [];
  readonly released: number[] = [];
  readonly capacities = new Map<number, number>();
  /** Gives all that is asked for, at once. */
  hasPlenty = false;

  capacity(consumer: number): number {
    return this.capacities.get(consumer) ?? 0;
  }

  /** What the queue has. */
  stored = Number.POSITIVE_INFINITY;

  waiting(): number {
    return this.stored;
  }

  lease(consumer: number, count: number): readonly Leased[] | Promise<readonly Leased[]> {
    if (this.hasPlenty) {
      const taken = Math.min(count, this.stored);
      this.stored -= taken;
      this.capacities.set(consumer, this.capacity(consumer) - taken);
      return Array.from({ length: taken }, (_, index) => leased(index));
    }
    return new Promise((resolve, reject) => {
      this.calls.push({
        consumer,
        count,
        answer: async (leases) => {
          this.capacities.set(consumer, this.capacity(consumer) - leases.length);
          resolve(leases.map(leased));
          await turn();
        },
        fail: async (error) => {
          reject(error);
          await turn();
        },
      });
    });
  }

  async settle(_consumer: number, runs: readonly { first: number; count: number }[]): Promise<[]> {
    for (const { first, count } of runs) for (let index = 0; index < count; index++) this.released.push(first + index);
    return [];
  }
}

class ScriptedSink implements Sink {
  readonly survivesRestart = false;
  readonly expiriesMax = 1;
  messageEffort = 1;
  readonly delivered: number[] = [];
  full = false;
  wake: () => void = () => undefined;
  reserve = (count: number): number => (this.full ? 0 : count);
  free = (): void => undefined;
  whenRoom = (wake: () => void): void => {
    this.wake = wake;
  };
  deliver = (_consumer: Consumer, batch: readonly Leased[]): void => {
    this.delivered.push(...batch.map(({ lease }) => lease));
  };
  ended = (): void => undefined;
  endedAll = (): void => undefined;
  flush = (): void => undefined;
  takeOver = (): void => undefined;
  drained = (): Promise<void> => Promise.resolve();
  closed = (): void => undefined;
}

function setUp(consumers: number, capacity: number) {
  const engine = new ScriptedEngine();
  const clock = new ManualClock();
  const dispatcher = new Dispatcher(engine as unknown as Engine, clock, silentLog);
  const sinks = Array.from({ length: consumers }, () => new ScriptedSink());
  const all = sinks.map((sink, index) => {
    engine.capacities.set(index + 1, capacity);
    return new Consumer(address, { maxInFlight: capacity, identity: undefined }, sink, index + 1);
  });
  const [consumer] = all;
  const [sink] = sinks;
  if (consumer === undefined || sink === undefined) throw new Error("at least one consumer is needed");
  return { engine, clock, dispatcher, sinks, all, consumer, sink };
}

describe("Dispatcher", () => {
  it("asks for all a lone consumer can take, goes on until fewer come, then waits for a hint", async () => {
    const { engine, dispatcher, consumer, sink } = setUp(1, 100);
    dispatcher.add(consumer);
    expect(engine.calls).toMatchObject([{ consumer: 1, count: 100 }]);
    await engine.calls[0]?.answer([1, 2]);
    expect(sink.delivered).toEqual([1, 2]);
    dispatcher.wake(consumer);
    expect(engine.calls).toHaveLength(1);
    dispatcher.hint(address);
    expect(engine.calls[1]).toMatchObject({ count: 98 });
    await engine.calls[1]?.answer([]);
    dispatcher.wake(consumer);
    expect(engine.calls).toHaveLength(2);
    dispatcher.hint(address);
    expect(engine.calls).toHaveLength(3);
    dispatcher.stop();
  });

  it("does not lose a hint that comes while an empty answer is on its way", async () => {
    const { engine, dispatcher, consumer } = setUp(1, 100);
    dispatcher.add(consumer);
    dispatcher.hint(address);
    await engine.calls[0]?.answer([]);
    expect(engine.calls).toHaveLength(2);
    await engine.calls[1]?.answer([]);
    expect(engine.calls).toHaveLength(2);
  });

  it("asks again when capacity or room frees, if there was more", async () => {
    const { engine, dispatcher, consumer, sink } = setUp(1, 2);
    dispatcher.add(consumer);
    await engine.calls[0]?.answer([1, 2]);
    expect(engine.calls).toHaveLength(1);
    engine.capacities.set(1, 1);
    sink.full = true;
    dispatcher.wake(consumer);
    expect(engine.calls).toHaveLength(1);
    sink.full = false;
    sink.wake();
    expect(engine.calls[1]).toMatchObject({ count: 1 });
  });

  it("shares: a quantum each in turn, more calls at a time while they come back full, one when idle", async () => {
    const { engine, dispatcher, all } = setUp(3, 1_000);
    for (const consumer of all) dispatcher.add(consumer);
    expect(engine.calls).toMatchObject([{ consumer: 1, count: 1_000 }]);
    await engine.calls[0]?.answer([1]);
    dispatcher.hint(address);
    expect(engine.calls[1]).toMatchObject({ consumer: 2, count: 32 });
    const full = Array.from({ length: 32 }, (_, index) => index + 10);
    await engine.calls[1]?.answer(full);
    expect(engine.calls.slice(2)).toMatchObject([{ consumer: 3 }, { consumer: 1 }]);
    await engine.calls[2]?.answer([]);
    await engine.calls[3]?.answer([]);
    expect(engine.calls).toHaveLength(4);
    dispatcher.hint(address);
    expect(engine.calls).toHaveLength(5);
    // Whose turn found the queue empty is next.
    expect(engine.calls[4]).toMatchObject({ consumer: 1 });
  });

  it("shares a few messages evenly, and asks nobody once there are none", async () => {
    const { engine, dispatcher, all, sinks } = setUp(4, 100);
    engine.stored = 0;
    engine.hasPlenty = true;
    for (const consumer of all.slice(1)) dispatcher.add(consumer);
    engine.capacities.set(1, 0);
    const delivered = (): number[] => sinks.map((sink) => sink.delivered.length);
    const before = delivered();
    for (const [stored, shares] of [
      [1, [0, 1, 0, 0]],
      [1, [0, 1, 1, 0]],
      [10, [0, 5, 3, 4]],
    ] as const) {
      engine.stored = stored;
      dispatcher.hint(address);
      await turn();
      expect(delivered().map((count, index) => count - (before[index] ?? 0))).toEqual(shares);
      expect(engine.stored).toBe(0);
    }
  });

  it("gives out the share of a queue in a turn of the event loop, and goes on in the next ones", async () => {
    const { engine, dispatcher, consumer, sink } = setUp(1, 1_000);
    engine.hasPlenty = true;
    sink.messageEffort = 1_000;
    sink.reserve = () => 3;
    dispatcher.add(consumer);
    expect(sink.delivered).toHaveLength(6);
    await turn();
    expect(sink.delivered).toHaveLength(12);
    // Another queue does not wait for this one.
    const other = new ScriptedSink();
    engine.capacities.set(2, 1);
    dispatcher.add(new Consumer({ namespace: "/", queue: "other" }, { maxInFlight: 1, identity: undefined }, other, 2));
    expect(other.delivered).toHaveLength(1);
    dispatcher.stop();
    await turn();
    expect(sink.delivered).toHaveLength(12);
  });

  it("releases what a call brings for a consumer that left meanwhile, and serves it when it is back", async () => {
    const { engine, dispatcher, consumer, sink } = setUp(1, 100);
    dispatcher.add(consumer);
    dispatcher.remove(consumer);
    consumer.leave();
    const fresh = new ScriptedSink();
    consumer.resume(fresh);
    dispatcher.add(consumer);
    expect(engine.calls).toHaveLength(1);
    await engine.calls[0]?.answer([1, 2, 3]);
    expect(engine.released).toEqual([1, 2, 3]);
    expect([...sink.delivered, ...fresh.delivered]).toEqual([]);
    expect(engine.calls).toHaveLength(2);
    await engine.calls[1]?.answer([4]);
    expect(fresh.delivered).toEqual([4]);
  });

  it("tries again after a failure, without a storm", async () => {
    const { engine, clock, dispatcher, consumer } = setUp(1, 100);
    dispatcher.add(consumer);
    await engine.calls[0]?.fail(new Error("no"));
    expect(engine.calls).toHaveLength(1);
    await clock.advance(999);
    expect(engine.calls).toHaveLength(1);
    await clock.advance(1);
    expect(engine.calls).toHaveLength(2);
    await engine.calls[1]?.fail(new Error("no"));
    dispatcher.stop();
    await clock.advance(10_000);
    expect(engine.calls).toHaveLength(2);
  });
});
