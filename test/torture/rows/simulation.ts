import { availableParallelism } from "node:os";
import { add, newTotals } from "../../simulation/totals.js";
import { shareOut } from "../../simulation/workers.js";
import { type Row, scaled } from "../row.js";

const SEEDS = 100_000;
const OPERATIONS = 1_000;

export const simulation: Row = {
  number: 8,
  title: "Seeded simulation of the engine",
  method: "The engine in a world in which time, disk, network and chance are simulated; each seed can be replayed (`npm run simulate`).",
  target: "100,000 seeds of 1,000 operations: 0 failures",
  fullMinutes: 45,
  async run({ scale, random, progress }) {
    const seeds = scaled(SEEDS, scale);
    const totals = newTotals();
    const failures: string[] = [];
    const first = scale === 1 ? 1 : random.below(2 ** 31);
    await shareOut({ first, seeds, operations: OPERATIONS, workers: availableParallelism() }, (done) => {
      add(totals, done.totals);
      for (const { seed, violations, error } of done.failed) failures.push(`seed ${seed}: ${error ?? violations[0]?.message}`);
      progress(`${totals.seeds} of ${seeds} seeds`);
    });
    const { crashesInFlight, redeliveries } = totals.counts;
    if (crashesInFlight < totals.seeds * 0.5) failures.push(`vacuous: only ${crashesInFlight} crashes with something in flight`);
    const figure = `${totals.seeds} seeds from ${first} on, ${totals.events} events, ${crashesInFlight} crashes with deliveries in flight, ${redeliveries} redeliveries`;
    return { figure, failures, complete: totals.seeds >= SEEDS };
  },
};
