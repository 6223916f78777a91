import type { Block } from "./block.js";
import type { Chain } from "./chain.js";
import type { Chains } from "./chains.js";
import type { Queue } from "./queue.js";

/** The mark runs ahead by about this much for each consumer. */
const AHEAD_BYTES = 65_536;

/** A message of an ordered queue that is marked as leased before anybody leases it. */
export interface Reservation {
  readonly block: Block;
  readonly index: number;
}

/**
 * How many messages the queue's consumers will take as soon as the commit that is being sealed is durable: those are
 * marked as leased in it, so that their delivery needs no commit of its own. A crash just then counts an attempt for
 * what was about to be sent.
 */
export function aheadOf(queue: Queue): number {
  // Where one attempt is all, a message that nobody was sent must not be dead after a crash.
  if (queue.options.maxAttempts === 1 || queue.retired || queue.paused) return 0;
  const countMax = Math.max(1, Math.floor((AHEAD_BYTES * queue.live) / Math.max(1, queue.bytes)));
  let ahead = 0;
  for (const consumer of queue.consumers) ahead += Math.min(consumer.ahead, consumer.capacity, countMax);
  return ahead;
}

/**
 * Takes back what the commit before the last one reserved and nobody leased since: it is not about to be sent any more.
 * (The last one may have become durable in this very turn.) And all of it, with what this commit reserved, when nobody
 * will be sent anything.
 */
export function withdraw(queue: Queue): void {
  const isOver = queue.consumers.size === 0 || queue.paused || queue.retired;
  if (isOver) {
    for (const { block, index } of queue.reserving) block.unmarkLeased(index);
    queue.reserving = [];
  }
  for (const { block, index } of isOver ? [...queue.stale, ...queue.reservations] : queue.stale) {
    if (!block.takeReserved(index)) continue;
    // The window may have let it go since, and read it again.
    const current = queue.blocks.get(block.first) ?? block;
    if (current !== block && block.first + index < queue.cursor) continue;
    current.unmarkLeased(index);
    if (current.live > 0 && current.first >= queue.purgedBelow) queue.dirtyBlocks.set(current.first, current);
  }
  queue.stale = isOver ? [] : queue.reservations;
  queue.reservations = [];
}

/** Reserves, in a block that this commit stores, the messages whose turn it is: of each key that is free the first one. */
export function reserveNew(queue: Queue, chains: Chains, block: Block): void {
  // Behind a backlog nothing of this block is about to be sent.
  if (queue.cursor !== block.first || chains.isHeld) return;
  let left = aheadOf(queue);
  const seen = new Set<string>();
  for (let index = 0; index < block.count && left > 0; index++) {
    if (!chains.fifo && !isFree(chains, block, index, seen)) continue;
    reserve(queue, block, index);
    left--;
  }
}

function isFree(chains: Chains, block: Block, index: number, seen: Set<string>): boolean {
  if (block.bytes === undefined) return false;
  const key = chains.keyOf(block.bytes, block.start(index), block.stop(index));
  if (seen.has(key)) return false;
  seen.add(key);
  return chains.find(key) === undefined;
}

/** Reserves what a `fifo` queue gives next out of the log. */
export function reserveLog(queue: Queue, chains: Chains): void {
  if (chains.isHeld || queue.cursor <= queue.recoverThrough) return;
  let left = aheadOf(queue);
  for (const block of queue.window) {
    // What a life before stored and is not looked through yet would be taken for having been in flight when that life ended.
    for (let index = Math.max(0, queue.cursor - block.first, queue.foundNext - block.first); index < block.count; index++) {
      if (left-- <= 0) return;
      if (!block.isSettled(index) && !block.isLeased(index)) reserve(queue, block, index);
    }
  }
}

/** Reserves the message that follows one being settled in its chain, which gives nothing until that is durable. */
export function reserveNext(queue: Queue, chain: Chain): void {
  const { options, retired, paused } = queue;
  const parked = chain.head?.parked;
  if (parked === undefined || options.maxAttempts === 1 || retired || paused) return;
  if (!parked.block.isLeased(parked.index)) reserve(queue, parked.block, parked.index);
}

function reserve(queue: Queue, block: Block, index: number): void {
  block.markLeased(index);
  queue.dirtyBlocks.set(block.first, block);
  queue.reserving.push({ block, index });
}
