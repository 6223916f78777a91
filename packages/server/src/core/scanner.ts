import type { Block } from "./block.js";
import type { Chains } from "./chains.js";
import type { Expiry } from "./expiry.js";
import type { Holding } from "./holding.js";
import type { Queue } from "./queue.js";
import type { Transitions } from "./transitions.js";
import type { Windows } from "./window.js";

/** Looks through the log of an ordered queue, message by message, and puts each into the chain of its key. */
export class Scanner {
  readonly #windows: Windows;
  readonly #transitions: Transitions;
  readonly #holding: Holding;
  readonly #expiry: Expiry;

  constructor(windows: Windows, transitions: Transitions, holding: Holding, expiry: Expiry) {
    this.#windows = windows;
    this.#transitions = transitions;
    this.#holding = holding;
    this.#expiry = expiry;
  }

  /** Takes the next message of the log; false when memory has none. */
  step(queue: Queue, chains: Chains, now: number): boolean {
    const block = queue.window[0];
    if (block?.bytes === undefined) return false;
    const index = queue.cursor - block.first;
    if (!block.isSettled(index)) {
      if (this.#expiry.isOverIn(queue, block, index, now)) this.#expiry.endIn(queue, block, index, now);
      else this.#place(queue, chains, block, block.bytes, index, now);
    }
    if (index === block.count - 1) block.keys = undefined;
    this.#windows.advance(queue, block);
    return true;
  }

  #place(queue: Queue, chains: Chains, block: Block, bytes: Uint8Array, index: number, now: number): void {
    const sequence = block.first + index;
    const chain = chains.of(block.keys?.[index] ?? chains.keyOf(bytes, block.start(index), block.stop(index)));
    // What this life did not store yet found marked was in flight, or about to be, when the life before it ended.
    const wasLeased = sequence < queue.foundNext && block.isLeased(index);
    if (!wasLeased && chains.hasRoomIn(chain)) {
      chains.park(chain, sequence, block, index, now);
      return;
    }
    const fields = { sequence, due: 0, attempts: 0, publishedAt: block.publishedAt, reason: undefined };
    if (wasLeased) this.#transitions.heldBefore(queue, chain, block.record(index), fields, now);
    else this.#holding.spill(queue, chain, block.record(index), fields);
    queue.leftMeanwhile?.add(sequence);
    this.#windows.settle(queue, block, index);
    if (wasLeased) chains.review(chain, now);
  }
}
