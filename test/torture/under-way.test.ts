import { expect, it } from "vitest";
import type { HistoryLine } from "./history-file.js";
import { killsDuring } from "./under-way.js";

const by = { process: "ann", ns: 0 };
const restart: HistoryLine = { ...by, type: "restart", life: 0 };
const crash: HistoryLine = { ...by, type: "crash" };
const redrive = (call: number): HistoryLine => ({ ...by, type: "redrive", call, queue: "orders" });
const purge = (call: number): HistoryLine => ({ ...by, type: "purge", call, queue: "orders" });
const done = (call: number): HistoryLine => ({ ...by, type: "redrive-done", call, outcome: "ok", count: 1 });

const count = (...lines: HistoryLine[]): number => killsDuring(lines, ({ type }) => type === "redrive");

it("counts a kill while a call is under way", () => {
  expect(count(restart, redrive(1), crash)).toBe(1);
});

it("counts no kill after the answer, during another call, or of a later process", () => {
  expect(count(restart, redrive(1), done(1), crash)).toBe(0);
  expect(count(restart, purge(1), crash)).toBe(0);
  expect(count(restart, redrive(1), crash, restart, crash)).toBe(1);
});

it("counts a kill whose call was given up as the connection was lost by it, and not by an earlier loss", () => {
  const givenUp = (ms: number): HistoryLine => ({ ...by, ns: ms * 1e6, type: "redrive-done", call: 1, outcome: "info" });
  const killed: HistoryLine = { ...crash, ns: 1_000e6 };
  expect(count(restart, redrive(1), givenUp(990), killed)).toBe(1);
  expect(count(restart, redrive(1), givenUp(500), killed)).toBe(0);
});
