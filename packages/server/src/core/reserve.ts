import type { Block } from "./block.js";
import type { ParkedMessage } from "./chain.js";
import type { Chains } from "./chains.js";
import type { Queue } from "./queue.js";

/** The mark runs ahead by about this much for each consumer. */
const AHEAD_BYTES = 65_536;

/** A message of an ordered queue that is marked as leased before anybody leases it. */
export type Reservation = Pick<ParkedMessage, "block" | "index">;

/**
 * How many messages the queue's consumers will take as soon as the commit that is being sealed is durable: those are
 * marked as leased in it, so that their delivery needs no commit of its own. A crash just then counts an attempt for
 * what was about to be sent.
 */
export function wantedBy(queue: Queue): number {
  // Where one attempt is all, a message that nobody was sent must not be dead after a crash.
  if (queue.options.maxAttempts === 1 || queue.retired || queue.paused) return 0;
  const countMax = Math.max(1, Math.floor((AHEAD_BYTES * queue.live) / Math.max(1, queue.bytes)));
  let ahead = 0;
  for (const consumer of queue.consumers) ahead += Math.min(consumer.ahead, consumer.capacity, countMax);
  return ahead;
}

/** Of a queue ordered by key: how many of them are to be marked in that commit, beside those that one before it marked. */
function unmarkedOf(queue: Queue): number {
  let left = wantedBy(queue);
  if (left > 0) for (const { block, index } of queue.reservations) if (block.isReserved(index)) left--;
  if (left > 0) for (const { block, index } of queue.stale) if (block.isReserved(index)) left--;
  return Math.max(0, left);
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
    // The window may have let it go since, and read it again; then the one that was read knows what became of the message.
    const known = queue.blocks.get(block.first);
    if (known !== block && block.first + index < queue.cursor) continue;
    const current = known ?? block;
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
  let left = chains.fifo ? wantedBy(queue) : unmarkedOf(queue);
  if (chains.fifo) for (let index = 0; index < block.count && left > 0; index++, left--) reserve(queue, { block, index });
  else if (left > 0) reserveFirst(queue, chains, block, left);
}

/** Of each key that is free the first message, as far as there is room for `left`. */
function reserveFirst(queue: Queue, chains: Chains, block: Block, room: number): void {
  const { bytes } = block;
  if (bytes === undefined) return;
  const seen = new Set<string>();
  const keys: string[] = [];
  for (let index = 0, left = room; index < block.count && left > 0; index++) {
    const key = chains.keyOf(bytes, block.start(index), block.stop(index));
    keys.push(key);
    if (seen.has(key)) continue;
    seen.add(key);
    // What it waits for beside this very commit comes before.
    if (chains.find(key)?.isOver === false) continue;
    reserve(queue, { block, index });
    left--;
  }
  block.keys = keys;
}

/** Reserves what a `fifo` queue gives next out of the log. */
export function reserveLog(queue: Queue, chains: Chains): void {
  if (chains.isHeld || queue.recovers) return;
  let left = wantedBy(queue);
  for (const block of queue.window) {
    // What a life before stored and is not looked through yet would be taken for having been in flight when that life ended.
    for (let index = Math.max(0, queue.cursor - block.first, queue.foundNext - block.first); index < block.count; index++) {
      if (left-- <= 0) return;
      if (!block.isSettled(index) && !block.isLeased(index)) reserve(queue, { block, index });
    }
  }
}

/**
 * Reserves what chains give next that wait for nothing but the commit that is being sealed: as late as can be, so that what
 * was published meanwhile is known too.
 */
export function reserveNext(queue: Queue, { fifo, thawing }: Chains): void {
  const { options, retired, paused, recovers } = queue;
  if (fifo || options.maxAttempts === 1 || retired || paused || recovers) return;
  for (const chain of thawing) {
    const { head } = chain;
    // What is given back, for which it is frozen once more, comes before what waits.
    if (head?.block === undefined || chain.frozen > 1 || chain.isLeasing) continue;
    if (!head.block.isLeased(head.index)) reserve(queue, head);
  }
}

function reserve(queue: Queue, message: Reservation): void {
  message.block.markLeased(message.index);
  queue.dirtyBlocks.set(message.block.first, message.block);
  queue.reserving.push(message);
  queue.reservedThrough = Math.max(queue.reservedThrough, message.block.first + message.index);
}
