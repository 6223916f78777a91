import { expect, it } from "vitest";
import { trendOf } from "./trend.js";

/** Noise that is the same each time, between -1 and 1. */
const noise = (index: number): number => Math.sin(index * 12.9898) * Math.cos(index * 78.233);

const samples = (count: number, kibOf: (index: number) => number): [number, number][] =>
  Array.from({ length: count }, (_, index) => [(index + 1) * 1_000, kibOf(index)]);

it("memory that wavers is flat, also with a few samples far off", () => {
  const { verdict, growth } = trendOf(samples(75, (index) => 25_000 + 2_000 * noise(index) + (index % 20 === 0 ? 50_000 : 0)));
  expect(verdict).toBe("flat");
  expect(Math.abs(growth)).toBeLessThan(0.05);
});

it("so is what still grows a little after its start", () => {
  expect(trendOf(samples(75, (index) => 25_000 + 500 * Math.log(index + 25))).verdict).toBe("flat");
});

it("a few bytes that are kept of each input are found in the noise", () => {
  const leak = trendOf(samples(75, (index) => 25_000 + 2_000 * noise(index) + 50 * index));
  expect(leak).toMatchObject({ verdict: "grows", slopeKib: expect.closeTo(50, -1) });
});

it("few samples say nothing", () => {
  expect(trendOf(samples(20, (index) => 25_000 * (index + 1))).verdict).toBe("unknown");
});
