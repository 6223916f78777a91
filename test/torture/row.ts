import type { Random } from "../simulation/random.js";

/** One row of the scorecard. */
export interface Row {
  readonly number: number;
  /** What is tested, in a few words. */
  readonly title: string;
  /** How. */
  readonly method: string;
  /** What counts as met. */
  readonly target: string;
  /** How long the full figure takes on a quiet machine of two cores, in minutes. */
  readonly fullMinutes: number;
  /** Why it cannot run on this machine; undefined when it can. */
  missing?(): string | undefined;
  run(context: RowContext): Promise<RowResult>;
}

export interface RowContext {
  /** A directory for the row alone. */
  readonly directory: string;
  readonly random: Random;
  /** Part of the full figure that is to be reached, from 0 to 1. */
  readonly scale: number;
  /** Tells how far it is. */
  progress(text: string): void;
}

export interface RowResult {
  /** What was reached, with its unit. */
  readonly figure: string;
  /** What broke a promise, or made the run worthless; each a line. Empty when nothing did. */
  readonly failures: readonly string[];
  /** What was not in time, and broke nothing: a row with that alone may be run again where the machine stood still. */
  readonly late?: readonly string[];
  /** Whether as much was done as the target asks for. */
  readonly complete: boolean;
}

/** Whether an error says that something did not come in time. */
export const isTimeout = (error: unknown): boolean =>
  // The second is what `socket.io-client` says.
  error instanceof Error && (error.name === "TimeoutError" || error.message === "operation has timed out");

/** How many of a full figure belong to a scale: one at least. */
export const scaled = (full: number, scale: number): number => Math.max(1, Math.round(full * scale));
