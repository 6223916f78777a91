import { expect, it } from "vitest";
import { check } from "../simulation/checker.js";
import type { HistoryEntry } from "../simulation/history-log.js";
import type { HistoryLine } from "./history-file.js";
import { mergeHistories } from "./merge.js";
import { queueOf } from "./queues.js";

const MS = 1e6;
const LEASE_MS = 1_000;
const { name: QUEUE, settings } = queueOf("orders", { leaseMs: LEASE_MS });

const at = (ms: number, entry: HistoryEntry): HistoryLine => ({ process: "ann", ns: ms * MS, ...entry });

/** A message that is published, and purged by a call that was sent `purgedMs` after the start. */
function purgedAt(purgedMs: number): HistoryLine[] {
  const purged = { call: 3, outcome: "ok", count: 1, through: 0, throughMax: Number.MAX_SAFE_INTEGER } as const;
  return [
    at(0, { type: "define", queue: QUEUE, options: settings }),
    at(1, { type: "restart", life: 0 }),
    at(2, { type: "attached", consumer: "one", queue: QUEUE }),
    at(10, { type: "publish", call: 1, queue: QUEUE, id: "a", body: "a" }),
    at(20, { type: "publish-done", call: 1, outcome: "ok", id: "a", sequence: 1, duplicate: false }),
    at(purgedMs, { type: "purge", call: 3, queue: QUEUE }),
    at(40, { type: "purge-done", ...purged }),
  ];
}

const delivered = (ms: number): HistoryLine =>
  at(ms, {
    ...{ type: "delivery", queue: QUEUE, consumer: "one", token: { life: 1, number: 1 }, id: "a", sequence: 1, attempt: 1 },
    ...{ body: "a", publishedAt: 15, leaseUntil: ms + LEASE_MS },
  });

const kindsOf = (lines: readonly HistoryLine[]): string[] =>
  check(mergeHistories([lines], { zeroMs: 0, graceMs: 300, leaseMsOf: () => LEASE_MS })).map(({ kind }) => kind);

it("lets nothing come after a purge whose receipt was there before the purge was sent", () => {
  expect(kindsOf([...purgedAt(30), delivered(60)])).toContain("purge");
});

it("lets come what was published while the purge was under way, and what came before its answer", () => {
  expect(kindsOf([...purgedAt(15), delivered(60)])).toEqual([]);
  expect(kindsOf([...purgedAt(30), delivered(35)])).toEqual([]);
});
