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
    const sequence = queue.cursor;
    const index = sequence - block.first;
    if (!block.isSettled(index)) {
      const { bytes, publishedAt } = block;
      const [start, end] = [block.start(index), block.stop(index)];
      if (this.#expiry.isOverIn(queue, block, index, now)) {
        this.#expiry.endIn(queue, block, index, now);
        this.#windows.advance(queue, block);
        return true;
      }
      const chain = chains.of(chains.keyOf(bytes, start, end));
      const fields = { sequence, due: 0, attempts: 0, publishedAt, reason: undefined };
      // What this life did not store yet found marked was in flight, or about to be, when the life before it ended.
      if (sequence < queue.foundNext && block.isLeased(index)) {
        this.#transitions.heldBefore(queue, chain, bytes.subarray(start, end), fields, now);
        queue.leftMeanwhile?.add(sequence);
        this.#windows.settle(queue, block, index);
        chains.review(chain, now);
      } else if (chains.hasRoomIn(chain)) {
        chains.park(chain, { sequence, block, index }, now);
      } else {
        this.#holding.spill(queue, chain, bytes.subarray(start, end), fields);
        queue.leftMeanwhile?.add(sequence);
        this.#windows.settle(queue, block, index);
      }
    }
    this.#windows.advance(queue, block);
    return true;
  }
}
