import type { Block } from "./block.js";
import type { Queue } from "./queue.js";

/** Deliveries of a message of the log that count before it is leased: one when it was in flight as the life before this one ended. */
export function attemptsBefore(queue: Queue, block: Block, index: number): number {
  const sequence = block.first + index;
  const counts = queue.chains === undefined ? sequence <= queue.recoverThrough : sequence < queue.foundNext && block.isLeased(index);
  return counts ? 1 : 0;
}
