import type { Lease } from "./lease.js";

/** What one call of `lease` may still take. */
export interface Allowance {
  count: number;
  bytes: number;
}

/** What one call of `lease` came to. */
export interface Call {
  /** What it leased may be shown only after the next commit. */
  readonly wait: boolean;
  /** It ended for the bytes' sake. */
  readonly cut: boolean;
  /** There is more to be leased, or to be looked for, at once. */
  readonly more: boolean;
}

/** What a consumer was given. */
export interface Given {
  readonly leases: Lease[];
  /** They may be shown only after the next commit, which carries the mark that makes them count after a crash. */
  readonly wait: boolean;
}

/** The number of the next lease. */
export interface LeaseNumbers {
  next: number;
}
