import type { DueMessage } from "./due-list.js";

/** Is told of every change of a queue's due lists as it is made: before it is durable. */
export interface DueWatcher {
  added(message: DueMessage): void;
  removed(message: DueMessage): void;
  /** Every message is gone. */
  emptied(): void;
}
