import type { Block } from "./block.js";
import type { Chains } from "./chains.js";
import type { ChainChange, SealedCommit } from "./commit.js";
import type { Hints } from "./hints.js";
import type { Queue } from "./queue.js";
import type { Schedules } from "./schedules.js";
import { NEVER } from "./timing.js";
import type { Wakes } from "./wakes.js";
import type { Windows } from "./window.js";

/** Shows the effects of a commit once it is durable: until then nobody is given what it stored. */
export class Showing {
  readonly #windows: Windows;
  readonly #schedules: Schedules;
  readonly #wakes: Wakes;
  readonly #hints: Hints;

  constructor(windows: Windows, schedules: Schedules, wakes: Wakes, hints: Hints) {
    this.#windows = windows;
    this.#schedules = schedules;
    this.#wakes = wakes;
    this.#hints = hints;
  }

  committed(sealed: SealedCommit): void {
    for (const { queue, next, logEnd, nextOrder, leasedThrough, reserved } of sealed.marks) {
      // Nothing must remember a queue that was removed meanwhile: it would be written anew.
      if (queue.isRemoved) continue;
      if (queue.chains !== undefined) {
        queue.reservations = queue.chains.fifo ? reserved.filter(({ block, index }) => isWaiting(queue, block, index)) : reserved;
        for (const { block, index } of queue.reservations) block.reserve(index);
      }
      queue.durableNext = next;
      queue.durableLogEnd = logEnd;
      if (queue.delays.committed() !== NEVER) this.#wakes.forTimes(queue);
      this.#wakes.forIds(queue);
      queue.durableOrder = nextOrder;
      queue.leasedThroughDurable = leasedThrough;
    }
    for (const [queue, at] of sealed.expiries) {
      if (queue.isRemoved) continue;
      queue.expiry.note(at);
      this.#wakes.forTimes(queue);
    }
    for (const { queue, block, after, promoted } of sealed.blocks) this.#showBlock(queue, block, after, promoted);
    for (const change of sealed.chains) this.#showChain(change);
    for (const { queue, chains, thawing, pushes } of sealed.marks) {
      if (pushes) chains?.pushed();
      if (chains === undefined || thawing.length === 0 || queue.chains !== chains || queue.isRemoved) continue;
      chains.thaw(thawing);
      this.#chainsChanged(queue, chains);
    }
    for (const schedule of sealed.schedules) this.#schedules.show(schedule);
    for (const { queue, message } of sealed.due) {
      if (!queue.isRemoved && queue.levels.list(message.list).arrive(message)) this.#hints.more(queue);
    }
  }

  #showBlock(queue: Queue, block: Block, after: number, promoted: boolean): void {
    if (queue.unshown[0] === block) queue.unshown.shift();
    if (queue.isRemoved || block.first < queue.purgedBelow || block.live === 0) return;
    // Of a block whose first messages had to give way the rest is kept: it cannot be read from the middle.
    const isBegun = queue.cursor > block.first;
    if (!isBegun && !queue.readsAhead) return;
    if (isBegun || this.#windows.admits(queue, block, after, promoted)) {
      this.#windows.enter(queue, block);
      this.#hints.work.add(queue);
    } else {
      this.#hints.wanting.add(queue);
    }
  }

  #showChain({ queue, chain, held, stored }: ChainChange): void {
    // A purge may have come in between.
    if (queue.isRemoved || queue.chains?.find(chain.key) !== chain) return;
    if (held !== undefined) queue.chains.returned(chain, held);
    if (stored !== undefined) {
      chain.storing--;
      chain.storedAt(stored);
    }
    queue.chains.review(chain, 0);
    this.#chainsChanged(queue, queue.chains);
  }

  #chainsChanged(queue: Queue, { wanting }: Chains): void {
    if (wanting.size > 0) this.#hints.wanting.add(queue);
    this.#hints.more(queue);
  }
}

/** Of a `fifo` queue it may have been leased while its mark was being written, and waits for a commit of its own then. */
const isWaiting = ({ chains, cursor }: Queue, { first }: Block, index: number): boolean =>
  first + index >= Math.min(cursor, chains?.find("")?.parkedFrom ?? cursor);
