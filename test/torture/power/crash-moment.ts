/** The moment of a crash. */
export interface CrashMoment {
  /** Everything before this line of the log had happened. */
  readonly line: number;
  readonly atMs: number;
}

export const NAMESPACE = "/";
export const PAGE = 1_000;
/** How far the clocks of two processes may be apart. */
export const SLACK_MS = 2;
