import type { Block } from "./block.js";
import type { Compactor } from "./compactor.js";
import type { Queue } from "./queue.js";
import type { Residency } from "./residency.js";

/** Moves the windows of all queues over their logs: blocks come in at the end, the cursor passes them, settled ones go. */
export class Windows {
  readonly #residency: Residency;
  readonly #compactor: Compactor;

  constructor(residency: Residency, compactor: Compactor) {
    this.#residency = residency;
    this.#compactor = compactor;
  }

  /** How much a read may bring into the queue's window; 0 when memory is short and the window has something. */
  fillBytes(queue: Queue): number {
    return this.#residency.fillBytes(queue.window.length === 0);
  }

  /** Whether a block that was just stored may stay in memory. The log ended at `after` before it. */
  admits(queue: Queue, block: Block, after: number, promoted: boolean): boolean {
    const continues = queue.windowEnd >= after && queue.windowEnd <= block.first;
    return continues && !queue.readingLog && this.#residency.admits(queue.windowBytes, promoted);
  }

  enter(queue: Queue, block: Block): void {
    // Further, when the block's first messages were pushed out before it was durable.
    if (queue.window.length === 0) queue.cursor = Math.max(queue.cursor, block.first);
    queue.window.push(block);
    queue.windowBytes += block.size;
    queue.windowEnd = block.end;
    queue.blocks.set(block.first, block);
    this.#residency.add(block);
  }

  /** The block whose message at the cursor is not settled; undefined when memory has nothing more of the log. */
  front(queue: Queue): Block | undefined {
    for (let block = queue.window[0]; block !== undefined; block = queue.window[0]) {
      if (!block.isSettled(queue.cursor - block.first)) return block;
      this.advance(queue, block);
    }
    return undefined;
  }

  /** Moves the cursor past one message of the window's first block. */
  advance(queue: Queue, block: Block): void {
    queue.cursor++;
    if (queue.cursor < block.end) return;
    queue.window.shift();
    queue.windowBytes -= block.size;
    if (block.live > 0) {
      this.#residency.pass(block);
      this.#compactor.consider(queue, block);
    }
    const next = queue.window[0];
    queue.cursor = next?.first ?? queue.windowEnd;
  }

  /** Settles one message; a block without any left goes. */
  settle(queue: Queue, block: Block, index: number): void {
    block.settle(index);
    queue.dirtyBlocks.set(block.first, block);
    if (block.live > 0) {
      this.#compactor.consider(queue, block);
      return;
    }
    queue.blocks.delete(block.first);
    this.#forget(block);
  }

  #forget(block: Block): void {
    this.#residency.remove(block);
    this.#compactor.forget(block);
  }

  /** Settles the message at the cursor, of the first block that is not durable yet. */
  settleUnshown(queue: Queue, block: Block, index: number): void {
    queue.holed = true;
    block.settle(index);
    queue.dirtyBlocks.set(block.first, block);
    queue.cursor++;
    if (block.live > 0) {
      queue.blocks.set(block.first, block);
      return;
    }
    queue.blocks.delete(block.first);
    queue.unshown.shift();
    queue.windowEnd = block.end;
  }

  /** Forgets what waits in memory of a queue that nobody consumes. */
  drop(queue: Queue): void {
    const started = queue.window[0] !== undefined && queue.window[0].first < queue.cursor ? queue.window.shift() : undefined;
    for (const block of queue.window) {
      queue.blocks.delete(block.first);
      this.#residency.remove(block);
    }
    queue.window.length = 0;
    queue.windowBytes = 0;
    if (started !== undefined) {
      queue.window.push(started);
      queue.windowBytes = started.size;
    }
    queue.windowEnd = started?.end ?? queue.cursor;
  }

  /** No message is left in the log: the cursor goes to its end. */
  empty(queue: Queue): void {
    this.remove(queue);
    queue.blocks.clear();
    queue.window.length = 0;
    queue.windowBytes = 0;
    queue.cursor = queue.next;
    queue.windowEnd = queue.next;
  }

  /** The queue is gone. */
  remove(queue: Queue): void {
    for (const block of queue.blocks.values()) this.#forget(block);
  }
}
