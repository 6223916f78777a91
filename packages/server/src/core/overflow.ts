import { attemptsBefore } from "./attempts-before.js";
import { Block } from "./block.js";
import type { Chain, ChainHead } from "./chain.js";
import type { Chains } from "./chains.js";
import type { CommitBuilder } from "./commit.js";
import type { DueEntries } from "./due-entries.js";
import type { DueMessage } from "./due-list.js";
import type { Hints } from "./hints.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import type { SpaceMaker } from "./space.js";
import type { CoreContext, Transitions } from "./transitions.js";
import type { Windows } from "./window.js";

/**
 * Lets the oldest messages of a full queue die, in the commit that stores what pushed them out.
 *
 * The oldest is the one with the lowest sequence, of the log, of chains, and of the stretches of the due lists that are in memory. A
 * message may be pushed out before it was durable, by one that came in the same commit. Delayed ones stay: their time
 * has not come, so none of them is the oldest.
 */
export class Overflow implements SpaceMaker {
  readonly #commit: CommitBuilder;
  readonly #windows: Windows;
  readonly #transitions: Transitions;
  readonly #entries: DueEntries;
  readonly #context: CoreContext;
  readonly #hints: Hints;

  constructor(commit: CommitBuilder, windows: Windows, transitions: Transitions, entries: DueEntries, context: CoreContext, hints: Hints) {
    this.#commit = commit;
    this.#windows = windows;
    this.#transitions = transitions;
    this.#entries = entries;
    this.#context = context;
    this.#hints = hints;
  }

  evictOldest(queue: Queue, now: number): boolean {
    return queue.chains === undefined ? this.#evictOfLevels(queue, now) : this.#evictOfChains(queue, queue.chains, now);
  }

  /** In an ordered queue all that waits in chains is older than what was not looked through of the log. */
  #evictOfChains(queue: Queue, chains: Chains, now: number): boolean {
    if (queue.recovers) return this.#missing(queue);
    const chain = chains.oldestWaiting;
    if (chain === undefined) {
      const block = this.#front(queue);
      if (block === undefined) return this.#missing(queue);
      this.#evictFrom(queue, block, now);
    } else {
      const { head } = chain;
      if (head === undefined) {
        chains.wanting.add(chain);
        return this.#missing(queue);
      }
      chains.pushOut(chain, head);
      this.#evictHead(queue, chain, head, now);
    }
    chains.notePush();
    return true;
  }

  #evictHead(queue: Queue, chain: Chain, head: ChainHead, now: number): void {
    if (head.block === undefined) this.#transitions.pushOut(queue, this.#transitions.takeOutHeld(queue, chain, head), head, now);
    else {
      const { sequence, block, index } = head;
      const record = this.#transitions.takeOutOfBlock(queue, block, index);
      this.#transitions.pushOut(queue, record, { sequence, attempts: 0, publishedAt: block.publishedAt, reason: undefined }, now);
    }
  }

  #evictOfLevels(queue: Queue, now: number): boolean {
    // What failed before is older than all the log has, and what has a priority may be, so they have to be known first.
    if (queue.levels.needsLoading) return this.#missing(queue);
    const block = this.#front(queue);
    const due = queue.levels.oldest;
    // Without a block, what the log has is not at hand, and not before its cursor.
    if (due !== undefined && due.sequence < queue.cursor) this.#evictDue(queue, due, now);
    else if (block !== undefined) this.#evictFrom(queue, block, now);
    else if (due !== undefined && queue.windowEnd >= queue.logEnd) this.#evictDue(queue, due, now);
    else return this.#missing(queue);
    return true;
  }

  /** The queue's oldest messages are to be read. */
  #missing(queue: Queue): false {
    this.#hints.wanting.add(queue);
    return false;
  }

  #evictDue(queue: Queue, message: DueMessage, now: number): void {
    const arriving = queue.levels.list(message.list).remove(message);
    const record = arriving ?? this.#transitions.storedDue(queue, message);
    this.#entries.remove(queue, message);
    this.#transitions.pushOut(queue, record, message, now);
  }

  #evictFrom(queue: Queue, block: Block, now: number): void {
    const { bytes, publishedAt } = block;
    if (bytes === undefined) throw new Error(`block ${queue.number}/${block.first} was let go too early`);
    const sequence = queue.cursor;
    const index = sequence - block.first;
    const record = bytes.subarray(block.start(index), block.stop(index));
    const attempts = attemptsBefore(queue, block, index);
    if (queue.window[0] === block) {
      this.#windows.settle(queue, block, index);
      this.#windows.advance(queue, block);
    } else {
      this.#windows.settleUnshown(queue, block, index);
    }
    this.#transitions.pushOut(queue, record, { sequence, attempts, publishedAt, reason: undefined }, now);
  }

  /** The block whose message at the cursor was never delivered; undefined when the log has none at hand. */
  #front(queue: Queue): Block | undefined {
    for (let block = this.#firstBlock(queue); block !== undefined; block = this.#firstBlock(queue)) {
      if (!block.isSettled(queue.cursor - block.first)) return block;
      this.#windows.advance(queue, block);
    }
    return undefined;
  }

  #firstBlock(queue: Queue): Block | undefined {
    const [first] = queue.window;
    if (first !== undefined) return first;
    if (queue.windowEnd < queue.durableLogEnd) return this.#stored(queue);
    if (queue.unshown.length === 0) this.#commit.packPending(queue);
    const [unshown] = queue.unshown;
    if (unshown !== undefined) queue.cursor = Math.max(queue.cursor, unshown.first);
    return unshown;
  }

  /** The block at the window's end, when one begins just there: a life before this one may have left gaps. */
  #stored(queue: Queue): Block | undefined {
    // What leaves just now is still in the store.
    if (queue.leftMeanwhile !== undefined) return undefined;
    const value = this.#context.get(keys.blockKey(queue.number, queue.windowEnd));
    if (value === undefined) return undefined;
    const block = Block.unpack(value);
    const bitmap = block.first < queue.foundNext || queue.holed ? this.#context.get(keys.settledKey(queue.number, block.first)) : undefined;
    if (bitmap !== undefined) block.restoreBitmap(bitmap);
    this.#windows.enter(queue, block);
    return block;
  }
}
