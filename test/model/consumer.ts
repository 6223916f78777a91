import type { ModelMessage } from "./message.js";

/** What the model says of one consumer. */
export interface ModelConsumer {
  readonly number: number;
  readonly maxInFlight: number;
  /** By lease number. */
  readonly held: Map<number, ModelMessage>;
  /** Lease numbers that are over. */
  readonly over: number[];
  /** What it asked for in its last call and did not get. */
  unmet: number;
}

export const newConsumer = (number: number, maxInFlight: number): ModelConsumer => ({
  number,
  maxInFlight,
  held: new Map(),
  over: [],
  unmet: 0,
});
