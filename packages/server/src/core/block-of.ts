import { Block } from "./block.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import type { CoreContext } from "./transitions.js";

/**
 * A block of a queue's log as this life has it, or else as the last commit left it in the store, without its bytes then. For whoever takes
 * messages out of its middle once what was done before is durable. Undefined when it is gone.
 */
export function blockOf(queue: Queue, first: number, context: CoreContext): Block | undefined {
  return queue.blockAt(first) ?? storedBlock(queue, first, context);
}

function storedBlock(queue: Queue, first: number, context: CoreContext): Block | undefined {
  const bytes = context.get(keys.blockKey(queue.number, first));
  if (bytes === undefined) return undefined;
  const block = Block.unpack(bytes);
  const bitmap = context.get(keys.settledKey(queue.number, first));
  if (bitmap !== undefined) block.restoreBitmap(bitmap);
  block.evict();
  return block;
}
