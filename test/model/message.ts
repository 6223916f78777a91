import type { ModelConsumer } from "./consumer.js";

/** Where a message is. All but the first three are final; of a redriven one there is a new message, at the list's end. */
export type State = "waiting" | "in-flight" | "blocked" | "acked" | "purged" | "dead" | "redriven" | "discarded";

/** What the model says of one message, from its publish on. */
export interface ModelMessage {
  /** Its body. */
  readonly name: string;
  readonly key: string;
  /** Where it is in the queue; what tells it from every other message. */
  readonly sequence: number;
  state: State;
  /** Attempts that were counted, without the one in flight. */
  attempts: number;
  /** Of a message in flight. */
  lease: ModelLease | undefined;
  /** It waits: not before `dueMin`, and surely no longer from `dueMax` on. */
  dueMin: number;
  dueMax: number;
  /** It was never delivered, but in a delivery that a graceful end took back. */
  fresh: boolean;
  /** Why a crash may count an attempt for it although it was never delivered: see `QueueModel.markAhead`. */
  marked: "no" | "ahead" | "next";
  /** It may, or must, have counted an attempt at a crash, and that was not seen yet. */
  unseen: "no" | "may" | "must";
  death: ModelDeath | undefined;
}

interface ModelLease {
  readonly number: number;
  readonly consumer: ModelConsumer;
  until: number;
}

export interface ModelDeath {
  readonly reason: "rejected" | "attempts" | "skipped" | "overflow";
  readonly attempts: number;
}

export const newMessage = (name: string, key: string, sequence: number): ModelMessage => ({
  name,
  key,
  sequence,
  state: "waiting",
  attempts: 0,
  lease: undefined,
  dueMin: 0,
  dueMax: 0,
  fresh: true,
  marked: "no",
  unseen: "no",
  death: undefined,
});
