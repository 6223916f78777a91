import { type Tally, tally } from "./checker/vacuous.js";
import { check, type Violation } from "./checker.js";
import type { HistoryEvent } from "./history.js";
import { simulate } from "./simulate.js";

/** What a run under one seed came to. */
export interface Judged {
  readonly seed: number;
  readonly counts: Tally;
  readonly events: number;
  readonly violations: readonly Violation[];
  /** The run itself failed: the engine did what no engine may do. */
  readonly error: string | undefined;
}

/** Simulates under a seed and judges the history. */
export async function judge(seed: number, operations: number): Promise<Judged> {
  let history: readonly HistoryEvent[] = [];
  try {
    history = await simulate(seed, operations);
    return { seed, counts: tally(history), events: history.length, violations: check(history), error: undefined };
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, counts: tally(history), events: history.length, violations: [], error: text };
  }
}

export const hasFailed = ({ violations, error }: Judged): boolean => violations.length > 0 || error !== undefined;
