import { basename, join } from "node:path";
import type { Tally } from "../simulation/checker/vacuous.js";
import { newTotals, type Totals } from "../simulation/totals.js";
import { keepHistory } from "./keep-history.js";
import { Round, type RoundOptions, type RoundResult } from "./round.js";
import { isTimeout, type RowContext, type RowResult } from "./row.js";

const FAILURES_SHOWN = 5;

/** Adds up what the rounds of a row came to. */
export class Rounds {
  readonly failures: string[] = [];
  /** See `RowResult`. */
  readonly late: string[] = [];
  readonly #context: RowContext;
  readonly #totals: Totals = newTotals();
  #count = 0;

  constructor(context: RowContext) {
    this.#context = context;
  }

  get counts(): Readonly<Tally> {
    return this.#totals.counts;
  }

  get failed(): boolean {
    return this.failures.length + this.late.length > 0;
  }

  /** Runs one round: the server starts, `torment` does its worst, and the history is judged; undefined when that was not possible. */
  async run(options: Omit<RoundOptions, "directory" | "seed">, torment: (round: Round) => Promise<void>): Promise<RoundResult | undefined> {
    const number = ++this.#count;
    const seed = this.#context.random.below(2 ** 31);
    const round = await Round.begin({ ...options, directory: join(this.#context.directory, `round-${number}`), seed });
    try {
      await torment(round);
      const result = await round.finish();
      const { violations, counts, history, findings } = result;
      for (const finding of findings.slice(0, FAILURES_SHOWN)) this.failures.push(`round ${number}: in the stopped store: ${finding}`);
      for (const { message } of violations.slice(0, FAILURES_SHOWN)) this.failures.push(`round ${number}: ${message}`);
      if (violations.length > 0)
        this.failures.push(`round ${number}: its history is in ${keepHistory(`${basename(this.#context.directory)}-${number}`, history)}`);
      if (violations.length > FAILURES_SHOWN) this.failures.push(`round ${number}: and ${violations.length - FAILURES_SHOWN} more`);
      this.#totals.events += history.length;
      for (const what of Object.keys(counts) as (keyof Tally)[]) this.#totals.counts[what] += counts[what];
      return result;
    } catch (error) {
      const list = isTimeout(error) ? this.late : this.failures;
      list.push(`round ${number}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return undefined;
    } finally {
      await round.dispose();
    }
  }

  /** Complains about what did not happen often enough for the rest to mean anything. */
  expectAtLeast(minimums: Partial<Tally>): void {
    for (const [what, least] of Object.entries(minimums)) {
      const count = this.counts[what as keyof Tally];
      if (count < least) this.failures.push(`vacuous: only ${count} ${what}, expected ${least} or more`);
    }
  }

  result(figure: string, complete: boolean): RowResult {
    return { figure, failures: this.failures, late: this.late, complete };
  }
}
