import type { Block } from "./block.js";
import type { Chain } from "./chain.js";
import type { Chains } from "./chains.js";
import type { Queue } from "./queue.js";

/**
 * Marks messages as leased in the commit that stores them, or that settles the one before them, when a consumer waits
 * that will take them as soon as it is durable: so their delivery needs no commit of its own. A crash just then counts
 * an attempt for what was about to be sent; where one attempt is all, nothing is marked ahead.
 */
export function reserveNew(queue: Queue, chains: Chains, block: Block): void {
  // Behind a backlog nothing of this block is about to be sent.
  if (queue.options.maxAttempts === 1 || queue.cursor !== block.first || chains.isHeld) return;
  let left = 0;
  for (const consumer of queue.consumers) left += Math.min(consumer.ahead, consumer.capacity);
  const seen = new Set<string>();
  for (let index = 0; index < block.count && left > 0; index++) {
    if (!chains.fifo && !isFree(chains, block, index, seen)) continue;
    block.markLeased(index);
    queue.dirtyBlocks.add(block);
    left--;
  }
}

function isFree(chains: Chains, block: Block, index: number, seen: Set<string>): boolean {
  if (block.bytes === undefined) return false;
  const key = chains.keyOf(block.bytes, block.start(index), block.start(index + 1));
  if (seen.has(key)) return false;
  seen.add(key);
  return chains.find(key) === undefined;
}

/** The message that follows one being settled in its chain. */
export function reserveNext(queue: Queue, chain: Chain): void {
  const parked = chain.head?.parked;
  if (parked === undefined || queue.options.maxAttempts === 1) return;
  parked.block.markLeased(parked.index);
  queue.dirtyBlocks.add(parked.block);
}
