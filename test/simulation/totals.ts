import { type Tally, tally } from "./checker/vacuous.js";
import { hasFailed, type Judged } from "./judge.js";

/** Sums over many runs. */
export interface Totals {
  seeds: number;
  failures: number;
  events: number;
  readonly counts: Tally;
}

export const newTotals = (): Totals => ({ seeds: 0, failures: 0, events: 0, counts: tally([]) });

export function addTo(totals: Totals, judged: Judged): void {
  add(totals, { seeds: 1, failures: hasFailed(judged) ? 1 : 0, events: judged.events, counts: judged.counts });
}

export function add(totals: Totals, more: Totals): void {
  totals.seeds += more.seeds;
  totals.failures += more.failures;
  totals.events += more.events;
  for (const what of Object.keys(totals.counts) as (keyof Tally)[]) totals.counts[what] += more.counts[what];
}
