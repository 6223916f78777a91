import { describe, expect, it } from "vitest";
import { measure, violationsOf } from "./measure.js";
import { CSV_HEAD, csvLine, readCsv, type Sample } from "./sample.js";
import { type Point, slopeOf } from "./slope.js";

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;
const MIB = 1024 * 1024;

/** Numbers between -1 and 1 that look like chance, the same each time. */
const noise = (index: number): number => ((index * 7_919) % 200) / 100 - 1;

const line = (count: number, from: number, perHour: number, startMs = 0): Point[] =>
  Array.from({ length: count }, (_, index) => {
    const atMs = startMs + index * SECOND_MS;
    return { atMs, value: from + (perHour * (atMs - startMs)) / HOUR_MS + noise(index) };
  });

function samples(count: number, rssPerHour: number, pid = 1, startMs = 0): Sample[] {
  return line(count, 100, rssPerHour, startMs).map(({ atMs, value }) => ({
    ...{ atMs, pid, rss: value * MIB, heap: 20 * MIB, external: 0, descriptors: 30, store: 40 * MIB, lagMs: 1 },
  }));
}

describe("a slope", () => {
  it("is that of the line, between bounds that have it", () => {
    const slope = slopeOf([line(3_600, 100, 5)]);
    expect(slope?.perHour).toBeCloseTo(5, 0);
    expect(slope?.low).toBeLessThan(5);
    expect(slope?.high).toBeGreaterThan(5);
    expect((slope?.high ?? 0) - (slope?.low ?? 0)).toBeLessThan(1);
  });

  it("is what processes have in common, each with a level of its own", () => {
    const slope = slopeOf([line(1_800, 500, 0), line(1_800, 100, 0, 2 * HOUR_MS)]);
    expect(Math.abs(slope?.perHour ?? 9)).toBeLessThan(0.5);
  });

  it("is less certain where a value says much of the next one", () => {
    const jumps = line(3_600, 100, 0);
    const slow = jumps.map(({ atMs }, index) => ({ atMs, value: 100 + noise(Math.floor(index / 60)) }));
    const width = (points: Point[]): number => {
      const slope = slopeOf([points]);
      return (slope?.high ?? 0) - (slope?.low ?? 0);
    };
    expect(width(slow)).toBeGreaterThan(3 * width(jumps));
  });

  it("is not told of a few values", () => {
    expect(slopeOf([line(9, 1, 1)])).toBeUndefined();
    expect(slopeOf([])).toBeUndefined();
  });
});

describe("a measure", () => {
  it("that rises by more than it may is named, one that does not is not", () => {
    expect(violationsOf(measure(samples(3_600, 10)))).toEqual([expect.stringMatching(/^rises: Resident memory \+\d/)]);
    expect(violationsOf(measure(samples(3_600, 0)))).toEqual([]);
  });

  it("is not judged by a few minutes", () => {
    expect(violationsOf(measure(samples(600, 1_000)))).toEqual([]);
  });

  it("may rise while a process is warming up", () => {
    const warming = samples(3_600, 0).map((sample, index) => ({ ...sample, rss: sample.rss - Math.max(0, 250 - index) * 100_000 }));
    expect(violationsOf(measure(warming))).toEqual([]);
  });

  it("that goes up and down from minute to minute is not taken for one that rises", () => {
    const uneven = samples(2_400, 0).map((sample, index) => ({ ...sample, rss: sample.rss + noise(Math.floor(index / 60)) * 10 * MIB }));
    expect(violationsOf(measure(uneven))).toEqual([]);
  });

  it("of the store goes on from process to process", () => {
    const two = [...samples(900, 0), ...samples(900, 0, 2, 1_000_000)].map((sample, index) => ({
      ...sample,
      store: (40 + index / 10) * MIB,
    }));
    const store = measure(two).find(({ measure: { name } }) => name === "Store");
    expect(store?.lives).toHaveLength(1);
    expect(store?.rises).toBe(true);
  });
});

it("samples are read as they were written, but for a line that was cut off", () => {
  const written = samples(3, 1);
  const text = CSV_HEAD + written.map(csvLine).join("");
  expect(readCsv(text)).toEqual(written);
  expect(readCsv(text.slice(0, -20))).toEqual(written.slice(0, 2));
});
