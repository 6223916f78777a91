import { ByteWriter, type ReceiptRun, writeRecord } from "holdfast-client/protocol";
import { describe, expect, it, vi } from "vitest";
import type { AppendRequest } from "../engine.js";
import { beginProducer, forgetIdleProducers } from "./append.js";
import { Core } from "./core.js";
import { hashId, IdIndex } from "./id-index.js";
import { sealDedup } from "./seal-dedup.js";

const ADDRESS = { namespace: "/", queue: "orders" };
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const START = 1_700_000_000_000;
const PRODUCERS_MAX = 100_000;

const newCore = (): Core => new Core(1, { get: () => undefined, random: () => 0 });

/** Ends the commit as if it were durable at once. */
const commit = (core: Core, now: number): void => core.committed(core.seal(now));

/** A packed message, with an id of the application's when one is given. */
function recordOf(id?: string): Uint8Array {
  const writer = new ByteWriter();
  writeRecord(writer, { id: id ?? "generated", chosenId: id !== undefined }, "cod");
  return writer.take();
}

const RECORD = recordOf();

const firstOf = (id: string): AppendRequest => ({
  ...ADDRESS,
  count: 1,
  records: RECORD,
  producer: { id, firstNumber: 1, oldestOpen: 1 },
});

/** Publishes one message as a producer that the queue does not know, and says how that ended. */
function publishAs(core: Core, id: string, now: number): string {
  const [[run] = []]: readonly (readonly ReceiptRun[])[] = core.append([firstOf(id)], false, now).runs;
  commit(core, now);
  return run?.error?.code ?? "stored";
}

describe("producers", () => {
  it("C2: at their limit new ones are refused until idle ones were over their time, which then make room", () => {
    const core = newCore();
    const requests = Array.from({ length: PRODUCERS_MAX }, (_, index) => firstOf(`producer-${index}`));
    core.append(requests, false, START);
    commit(core, START);
    expect(publishAs(core, "one-more", START + DAY_MS)).toBe("QUEUE_FULL");
    expect(publishAs(core, "one-more", START + 31 * DAY_MS)).toBe("stored");
    expect(publishAs(core, "another", START + 31 * DAY_MS)).toBe("stored");
  });
});

describe("producers of a room", () => {
  it("C2: at their limit those that were idle the longest are forgotten, and none that emitted within 10 minutes", () => {
    const core = newCore();
    const emitAs = (id: string, now: number): void => {
      const producer = { id, firstNumber: 1, oldestOpen: 1 };
      core.rooms.emit({ namespace: "/", to: [{ room: "kitchen" }], except: [], count: 1, records: RECORD, producer }, now);
    };
    for (let n = 0; n < PRODUCERS_MAX; n++) emitAs(`producer-${n}`, n < 10 ? START : START + 5 * MINUTE_MS);
    commit(core, START + 5 * MINUTE_MS);
    expect(() => emitAs("one-more", START + 5 * MINUTE_MS)).toThrow("100000 producers");
    emitAs("one-more", START + 11 * MINUTE_MS);
    const { producers } = core.rooms.catalog.find("/", { room: "kitchen" }) ?? { producers: new Map() };
    expect(producers.size).toBe(PRODUCERS_MAX - 9);
    expect(producers.has("producer-9")).toBe(false);
    expect(producers.has("producer-10")).toBe(true);
  });
});

describe("a producer that was forgotten for another", () => {
  it("P4: and emits again in the same commit is known after a restart", () => {
    const log = newCore().catalog.define(ADDRESS, {});
    beginProducer(log, firstOf("ann"), START);
    sealDedup(log, 1, START, { write: () => undefined });
    forgetIdleProducers(log, START + 31 * DAY_MS);
    beginProducer(log, firstOf("ann"), START + 31 * DAY_MS);
    const writes: (Uint8Array | undefined)[] = [];
    sealDedup(log, 2, START + 31 * DAY_MS, { write: (_key, value) => writes.push(value) });
    expect(writes.at(-1)).toBeInstanceOf(Uint8Array);
  });
});

describe("ids that are over", () => {
  const WINDOW_MS = 600_000;
  const filled = (): IdIndex => {
    const ids = new IdIndex(1);
    for (let n = 0; n < 60_000; n++) ids.add({ id: hashId(`id-${n}`), content: hashId("cod") }, n + 1, START);
    ids.seal(1);
    return ids;
  };

  it("C2: go with the commits that follow, though those forget nothing of their own", () => {
    const ids = filled();
    ids.add({ id: hashId("late"), content: hashId("cod") }, 60_001, START + WINDOW_MS - 1_000);
    ids.seal(2);
    for (let commit = 0; commit < 3; commit++) ids.expire(START + WINDOW_MS + 1_000, WINDOW_MS, 1_000);
    expect(ids.size).toBe(1);
  });
});

describe("chosen ids", () => {
  it("P4: an array that is stored whole or not at all is refused when not all of its ids fit", () => {
    const core = newCore();
    const { ids } = core.catalog.define(ADDRESS, {});
    vi.spyOn(ids, "hasRoomFor").mockImplementation((more) => ids.size + more <= 3);
    const arrayOf = (...chosen: string[]): AppendRequest => ({
      ...ADDRESS,
      count: chosen.length,
      records: Buffer.concat(chosen.map(recordOf)),
    });
    core.append([arrayOf("a")], true, START);
    expect(core.append([arrayOf("b", "c", "d")], true, START)).toMatchObject({ runs: [], refused: { code: "QUEUE_FULL" } });
    expect(ids.size).toBe(1);
    // One that is known, and one that comes twice, take no room of their own.
    expect(core.append([arrayOf("a", "b", "c", "c")], true, START).refused).toBeUndefined();
    expect(ids.size).toBe(3);
  });
});

describe("deadlines", () => {
  it("C2: a queue that was removed with a message due in a year is not woken for, and so not kept", () => {
    const core = newCore();
    const queue = core.catalog.define(ADDRESS, {});
    const consumer = core.attach(queue, 10);
    core.append([{ ...ADDRESS, count: 1, records: RECORD }], false, START);
    commit(core, START);
    const { leases } = core.lease(consumer, 1, 65_536, START);
    const [lease] = leases;
    if (lease === undefined) throw new Error("nothing leased");
    core.settle(consumer, [{ first: lease.lease, count: 1, verb: "nack", delayMs: YEAR_MS }], START);
    commit(core, START);
    expect(core.nextWake).toBeDefined();
    core.remove(queue);
    commit(core, START);
    // Whatever is left of its leases goes with their time.
    core.wake(START + queue.options.leaseMs);
    expect(core.nextWake).toBeUndefined();
  });
});
