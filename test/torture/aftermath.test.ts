import { expect, it } from "vitest";
import { aftermathOf, spansOf } from "./aftermath.js";
import type { HistoryLine, ProcessNote } from "./history-file.js";

const MS = 1e6;
const QUEUE = "orders";

const note = (ms: number, entry: ProcessNote): HistoryLine => ({ process: "ann", ns: ms * MS, ...entry });
const publish = (ms: number, call: number, id: string): HistoryLine => ({
  ...{ process: "ann", ns: ms * MS, type: "publish", call, queue: QUEUE, id, body: id },
});
const receipt = (ms: number, call: number, id: string): HistoryLine => ({
  ...{ process: "ann", ns: ms * MS, type: "publish-done", call, outcome: "ok", id, sequence: call, duplicate: false },
});

const BEFORE = [publish(100, 1, "a"), receipt(200, 1, "a"), publish(900, 2, "b")];

it("tells a receipt that was on its way from one that cannot be right", () => {
  const lines = [...BEFORE, receipt(1_010, 2, "b"), publish(1_100, 3, "c"), receipt(1_200, 3, "c")];
  const seen = aftermathOf(lines, 1_000 * MS, 3_000 * MS);
  expect(seen).toEqual({ livedMs: 2_000, published: 1, receiptsSince: 1, lastReceiptMs: 200, told: 0, unknown: 0 });
});

it("counts who was told, of publishes and of all, until the server ended", () => {
  const failed = (ms: number, event: string, code: string): HistoryLine => note(ms, { type: "engine-failed", event, code });
  const lines = [
    ...BEFORE,
    failed(1_010, "holdfast:publish", "UNKNOWN"),
    failed(1_020, "holdfast:settle", "UNKNOWN"),
    failed(1_030, "holdfast:publish", "ENGINE_UNAVAILABLE"),
    failed(3_100, "holdfast:publish", "UNKNOWN"),
  ];
  const seen = aftermathOf(lines, 1_000 * MS, 3_000 * MS);
  expect(seen).toEqual({ livedMs: 2_000, published: 0, receiptsSince: 0, lastReceiptMs: 0, told: 3, unknown: 1 });
});

it("lets an id that was sent before have its receipt at any time", () => {
  const lines = [...BEFORE, publish(1_500, 3, "b"), receipt(1_600, 3, "b")];
  expect(aftermathOf(lines, 1_000 * MS, 3_000 * MS)).toMatchObject({ published: 1, receiptsSince: 0, lastReceiptMs: 600 });
});

it("finds when each process began and ended", () => {
  const life = (ms: number, type: "restart" | "crash"): HistoryLine =>
    type === "restart" ? { process: "driver", ns: ms, type, life: 0 } : { process: "driver", ns: ms, type };
  const lines = [life(1, "restart"), life(5, "crash"), life(6, "restart")];
  expect(spansOf(lines)).toEqual([
    { startNs: 1, endNs: 5 },
    { startNs: 6, endNs: Number.POSITIVE_INFINITY },
  ]);
});
