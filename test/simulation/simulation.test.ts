import { describe, expect, it } from "vitest";
import { vacuous } from "./checker.js";
import { hasFailed, judge } from "./judge.js";
import { linesOf } from "./print.js";
import { simulate } from "./simulate.js";
import { addTo, newTotals } from "./totals.js";

const SEEDS = 75;
const OPERATIONS = 1_000;

describe("simulation", () => {
  it("keeps every promise under crashes, failures and unknown outcomes", { timeout: 120_000 }, async () => {
    const totals = newTotals();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const judged = await judge(seed, OPERATIONS);
      addTo(totals, judged);
      const { violations, error } = judged;
      const replay = `npm run simulate -- --seed ${seed} --operations ${OPERATIONS} --print`;
      expect(hasFailed(judged), JSON.stringify({ replay, violations, error }, undefined, 1)).toBe(false);
    }
    // Runs in which nothing goes wrong would pass too, so they must have had their share of everything.
    const { counts } = totals;
    for (const [what, least] of Object.entries({
      published: 100,
      delayed: 3,
      acked: 80,
      crashes: 2,
      crashesInFlight: 1.2,
      redeliveries: 20,
      expiries: 6,
      staleSettles: 6,
      duplicates: 10,
      unknown: 20,
      deadLetters: 6,
      redriven: 1,
      purged: 6,
      emitted: 20,
      heard: 80,
      heardAgain: 20,
      gaps: 6,
      replaced: 1,
      roomsRemoved: 0.6,
      chimes: 6,
      answers: 2,
    }))
      expect(counts[what as keyof typeof counts], what).toBeGreaterThanOrEqual(least * SEEDS);
  });

  it("each run comes to something", async () => {
    for (let seed = 1; seed <= 10; seed++) expect(vacuous(await simulate(seed, OPERATIONS), { published: 10 })).toEqual([]);
  });

  it("the same seed gives the same history, byte by byte, whatever ran before", async () => {
    const first = JSON.stringify(await simulate(7, OPERATIONS));
    const other = JSON.stringify(await simulate(8, OPERATIONS));
    expect(JSON.stringify(await simulate(7, OPERATIONS))).toBe(first);
    expect(other).not.toBe(first);
  });

  it("prints a line for each event", async () => {
    const history = await simulate(3, 50);
    const lines = [...linesOf(history)];
    expect(lines).toHaveLength(history.length);
    expect(lines.find((line) => line.includes("delivery"))).toMatch(/^ +\d+ +\+\d+ ms {2}delivery +queue=\S+ consumer=\S+ token=\d+\/\d+ /);
  });
});
