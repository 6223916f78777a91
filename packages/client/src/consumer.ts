import type { Delivery } from "./delivery.js";
import type { HoldfastError } from "./errors.js";

export interface ConsumeOptions {
  /** Deliveries held unsettled at a time: 1 to 10,000. Default 100. */
  readonly maxInFlight?: number | undefined;
  /**
   * Milliseconds, from when a delivery came, in which its lease is prolonged again and again while a handler or the body of a loop (one a
   * consumer) works on it, or it waits for that: 0 (never) to 43,200,000. Default 3,600,000: what hangs for longer is handed out again.
   */
  readonly extendForMs?: number | undefined;
  /** Cancels the consumer. */
  readonly signal?: AbortSignal | undefined;
}

/** A running attachment to a queue; it is made again by itself after every reconnect. */
export interface Consumer {
  readonly queue: string;
  /** Resolves once the consumer has ended: to undefined when it was cancelled here, to the error when the server ended it. */
  readonly closed: Promise<HoldfastError | undefined>;
  /**
   * Takes no more deliveries, lets the handlers finish, and gives the rest back uncounted.
   *
   * @returns resolves once the server knows
   */
  cancel(): Promise<void>;
}

/** Does the work for one delivery. */
export type Handler<Body> = (delivery: Delivery<Body>) => unknown;
