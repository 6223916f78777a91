import type { DueMessage } from "./due-list.js";

/** A message that a read of the store found, with the place where it lies: a block of the log, or the due list. */
export interface Letter {
  readonly sequence: number;
  readonly publishedAt: number;
  /** Deliveries that counted so far. */
  readonly attempts: number;
  readonly record: Uint8Array;
  readonly place: { readonly block: number; readonly due?: undefined } | { readonly due: DueMessage; readonly block?: undefined };
}
