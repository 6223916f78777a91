import { beforeEach, expect, test, vi } from "vitest";
import { ByteReader, ByteWriter } from "./bytes.js";
import type { Connection } from "./connection.js";
import { Batch, type LeasedDelivery } from "./delivery.js";
import { HoldfastError } from "./errors.js";
import { keep as keepLeases } from "./extending.js";
import { DeliveriesSection, FrameWriter } from "./frame.js";
import { writeRecord } from "./record.js";
import type { Settlement } from "./settlements.js";

const LEASE_MS = 30_000;
/** What the server's clock is ahead. */
const AHEAD_MS = 5_000;

let nowMs: number;
let batches: Set<Batch>;
/** What the connection was asked to do later. */
let later: { readonly ms: number; readonly task: () => void }[];
let asked: Settlement[];

beforeEach(() => {
  nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  batches = new Set();
  later = [];
  asked = [];
});

function deliver(count: number, { leaseMs = LEASE_MS, firstLease = 1 } = {}): readonly LeasedDelivery[] {
  const frame = new FrameWriter();
  const start = frame.beginDeliveries(1, firstLease, leaseMs, nowMs + AHEAD_MS + leaseMs);
  for (let index = 0; index < count; index++) {
    const record = new ByteWriter();
    writeRecord(record, { id: `m${index}` }, index);
    frame.delivery(index, 1, 500, record.take());
  }
  frame.endDeliveries(start, count);
  const settler = {
    queue: "orders",
    tenure: 0,
    settle: (item: Settlement) => void asked.push(item),
    onAnswered: (batch: Batch) => void batches.delete(batch),
  };
  // After the section's type and length.
  const section = new DeliveriesSection(new ByteReader(frame.take(), 5), undefined);
  const batch = new Batch(settler, section);
  batches.add(batch);
  return section.starts.map((at, index) => batch.add(firstLease + index, at));
}

const keep = (extendForMs?: number): Promise<void> => {
  const connection: Pick<Connection, "after" | "ready"> = { ready: true, after: (ms, task) => void later.push({ ms, task }) };
  return keepLeases(connection as Connection, batches, { extendForMs });
};

/** Lets time pass until the next look, and tells which leases are to be prolonged by it. */
function look(): number[] {
  const next = later.shift();
  if (next === undefined) throw new Error("nobody looks");
  nowMs += next.ms;
  asked.splice(0);
  next.task();
  return asked.map(({ lease, verb, terms }) => (verb === "extend" && terms?.leaseMs === LEASE_MS ? lease : Number.NaN));
}

const answer = (error?: HoldfastError): void => {
  for (const item of asked) item.onSettled(error);
};

test("leases are prolonged once a third of them is over, for as long as work goes on", async () => {
  const [first, second] = deliver(2);
  const kept = keep();
  expect(asked).toEqual([]);
  for (let time = 0; time < 5; time++) {
    expect(look()).toEqual([1, 2]);
    answer();
    expect(first?.leaseUntil).toBe(nowMs + AHEAD_MS + LEASE_MS);
  }
  first?.finish("ack");
  first?.onSettled(undefined);
  expect(look()).toEqual([2]);
  second?.finish("ack");
  second?.onSettled(undefined);
  look();
  await kept;
  expect(later).toEqual([]);
});

test("what was let go unsettled is forgotten once its lease is over", async () => {
  for (const delivery of deliver(2)) delivery.letGo = true;
  const kept = keep();
  while (later.length > 0) expect(look()).toEqual([]);
  await kept;
  expect(nowMs).toBe((4 * LEASE_MS) / 3);
});

test("nothing is prolonged that came too long ago: an hour, unless told otherwise", () => {
  deliver(1);
  void keep();
  for (let looks = 1; looks < 360; looks++) {
    expect(look()).toEqual([1]);
    answer();
  }
  expect(look()).toEqual([]);
  later = [];
  void keep(0);
  deliver(1);
  expect(look()).toEqual([]);
});

test("a lease that is shorter than others before it is looked at in its own time", () => {
  const leaseMsOf = (leaseMs: number, from: number): void => void deliver(1, { leaseMs, firstLease: from });
  leaseMsOf(43_200_000, 1);
  void keep();
  leaseMsOf(30_000, 2);
  expect(look()).toEqual([2]);
  answer();
  leaseMsOf(1_000, 3);
  expect(later[0]?.ms).toBeLessThanOrEqual(10_000);
});

test("what the application made longer is not made shorter", async () => {
  const [delivery] = deliver(1);
  void keep();
  const extended = delivery?.extend(100_000);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  const [own] = asked;
  // Also while nobody knows yet whether that worked.
  for (let time = 0; time < 5; time++) expect(look()).toEqual([]);
  own?.onSettled(undefined);
  await extended;
  const looks = Array.from({ length: 9 }, () => look().length);
  expect(looks).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0]);
});

test("is asked for once until the server answers, and never again once it refused", () => {
  deliver(1);
  void keep();
  expect(look()).toEqual([1]);
  const [unanswered] = asked;
  for (let time = 0; time < 2; time++) expect(look()).toEqual([]);
  unanswered?.onSettled(undefined);
  expect(look()).toEqual([1]);
  answer(new HoldfastError("STALE_LEASE", "too late"));
  // Whatever becomes of it, it is forgotten in time.
  while (later.length > 0) expect(look()).toEqual([]);
});

test("nothing is asked for while there is no connection: it would keep a consumer from leaving", () => {
  deliver(1);
  let ready = false;
  const connection = {
    get ready() {
      return ready;
    },
    after: (ms: number, task: () => void) => void later.push({ ms, task }),
  };
  void keepLeases(connection as unknown as Connection, batches, {});
  expect(look()).toEqual([]);
  ready = true;
  expect(look()).toEqual([1]);
});

test("an extension that waited for a connection counts from its answer", () => {
  deliver(1);
  void keep();
  expect(look()).toEqual([1]);
  const [waiting] = asked;
  for (let time = 0; time < 5; time++) expect(look()).toEqual([]);
  waiting?.onSettled(undefined);
  expect(look()).toEqual([1]);
  answer();
  for (let time = 0; time < 5; time++) {
    expect(look()).toEqual([1]);
    answer();
  }
});
