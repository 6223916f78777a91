import { ByteWriter, type ReceiptRun, writeRecord } from "holdfast-client/protocol";
import { describe, expect, it } from "vitest";
import type { AppendRequest } from "../engine.js";
import { Core } from "./core.js";

const ADDRESS = { namespace: "/", queue: "orders" };
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const START = 1_700_000_000_000;
const PRODUCERS_MAX = 100_000;

const newCore = (): Core => new Core(1, { get: () => undefined, random: () => 0 });

/** Ends the commit as if it were durable at once. */
const commit = (core: Core, now: number): void => core.committed(core.seal(now));

function recordOf(body: unknown): Uint8Array {
  const writer = new ByteWriter();
  writeRecord(writer, { id: "a" }, body);
  return writer.take();
}

const RECORD = recordOf("cod");

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
