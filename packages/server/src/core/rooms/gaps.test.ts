import { expect, it } from "vitest";
import { addGap, type Gap, hasUntold, tellGaps, untellGaps } from "./gaps.js";

const shown = (gaps: readonly Gap[]): string[] => gaps.map(({ from, to, reason, count }) => `${from}-${to} ${reason} ${count}`);

it("lets a gap that was not told grow, and leaves one that was as it is", () => {
  const gaps: Gap[] = [];
  addGap(gaps, { from: 1, to: 2 }, "expired");
  addGap(gaps, { from: 3, to: 3 }, "expired");
  addGap(gaps, { from: 4, to: 4 }, "attempts");
  expect(shown(tellGaps(gaps))).toEqual(["1-3 expired 3", "4-4 attempts 1"]);
  expect(hasUntold(gaps)).toBe(false);
  addGap(gaps, { from: 5, to: 5 }, "attempts");
  expect(shown(tellGaps(gaps))).toEqual(["5-5 attempts 1"]);
  untellGaps(gaps);
  expect(shown(tellGaps(gaps))).toHaveLength(3);
});

it("joins the nearest two of one reason when there are too many, and counts what is missing", () => {
  const gaps: Gap[] = [];
  for (let sequence = 10; sequence <= 150; sequence += 10) addGap(gaps, { from: sequence, to: sequence }, "expired");
  addGap(gaps, { from: 155, to: 155 }, "retention");
  tellGaps(gaps);
  addGap(gaps, { from: 159, to: 159 }, "expired");
  expect(gaps).toHaveLength(16);
  expect(shown(tellGaps(gaps))).toEqual(["150-159 expired 2"]);
  addGap(gaps, { from: 5, to: 5 }, "attempts");
  addGap(gaps, { from: 170, to: 170 }, "expired");
  expect(gaps).toHaveLength(16);
  expect(shown(gaps).slice(0, 2)).toEqual(["5-5 attempts 1", "10-30 expired 3"]);
});
