import type { CommitBuilder } from "./commit.js";
import { NO_MARK } from "./due-mark.js";
import type { Holding } from "./holding.js";
import type { Queue } from "./queue.js";

/** Lets the life of a queue end by its own will: in the next life nothing that is in flight now counts an attempt. */
export class Retirement {
  readonly #commit: CommitBuilder;
  readonly #holding: Holding;

  constructor(commit: CommitBuilder, holding: Holding) {
    this.#commit = commit;
    this.#holding = holding;
  }

  /** Takes its marks back, for the last commit. */
  retire(queue: Queue): void {
    // Also of a queue without leases: what is published with this commit must not be marked for consumers that wait.
    queue.retired = true;
    if (queue.chains !== undefined) this.#unmark(queue);
    const isMarked = queue.levels.lists.some(({ mark }) => mark !== NO_MARK);
    if (queue.inFlight === 0 && queue.leasedThrough < queue.cursor && !isMarked) return;
    queue.levels.unmark();
    this.#commit.touch(queue);
  }

  /** Takes back the marks of what is in flight, or was about to be. What this life found and did not look through still counts. */
  #unmark(queue: Queue): void {
    for (const block of queue.blocks.values()) {
      if (!block.hasMarks) continue;
      if (block.first >= queue.foundNext) block.unmarkAll();
      else if (block.first < queue.cursor) block.unmarkBelow(queue.cursor - block.first);
      else continue;
      queue.dirtyBlocks.set(block.first, block);
    }
    for (const { leases, irregular } of queue.consumers) {
      for (const { place } of [...leases.values(), ...irregular.values()]) {
        if (place.entry !== undefined) this.#holding.unmarkLeased(queue, place.entry);
      }
    }
    this.#commit.touch(queue);
  }
}
