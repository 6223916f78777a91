import type { Entry } from "../store.js";
import type { Chain } from "./chain.js";
import { HELD_LOADED_MAX } from "./chains.js";
import type { CommitBuilder } from "./commit.js";
import type { DueEntries } from "./due-entries.js";
import { type DueList, unpackDue } from "./due-list.js";
import { unpackHeld } from "./held-message.js";
import type { Holding } from "./holding.js";
import * as keys from "./keys.js";
import { failedListOf, priorityOf } from "./priority-level.js";
import type { Queue } from "./queue.js";
import type { Scanner } from "./scanner.js";
import type { Transitions } from "./transitions.js";
import type { Windows } from "./window.js";

/**
 * Counts an attempt for what was in flight when the life before this one ended (promise L4). The marks of its last commit
 * say what that was: how far the log and each due list were leased, and of an ordered queue message by message, which
 * `Scanner` sees in the log.
 */
export class Recovery {
  readonly #commit: CommitBuilder;
  readonly #windows: Windows;
  readonly #transitions: Transitions;
  readonly #holding: Holding;
  readonly #entries: DueEntries;
  readonly #scanner: Scanner;

  constructor(commit: CommitBuilder, windows: Windows, transitions: Transitions, holding: Holding, entries: DueEntries, scanner: Scanner) {
    this.#commit = commit;
    this.#windows = windows;
    this.#transitions = transitions;
    this.#holding = holding;
    this.#entries = entries;
    this.#scanner = scanner;
  }

  /** Moves what was in flight of the log to the due list, and with an order to its chain: as much of it as memory has. */
  recoverLog(queue: Queue, now: number): void {
    const { chains } = queue;
    if (chains !== undefined) {
      while (queue.recovers && this.#scanner.step(queue, chains, now));
      return;
    }
    for (let block = queue.window[0]; block !== undefined && queue.recovers; block = queue.window[0]) {
      const index = queue.cursor - block.first;
      if (!block.isSettled(index) && block.bytes !== undefined) {
        const record = block.bytes.subarray(block.start(index), block.stop(index));
        this.#transitions.failedBefore(
          queue,
          record,
          { list: 0, due: now, sequence: queue.cursor, attempts: 1, publishedAt: block.publishedAt, reason: undefined },
          now,
        );
        this.#windows.settle(queue, block, index);
        queue.leftMeanwhile?.add(queue.cursor);
        queue.noteMove(queue.cursor);
      }
      this.#windows.advance(queue, block);
    }
  }

  /** Stores anew what was in flight of a due list: the entries up to its mark. `complete` says that there are no more of them. */
  recoverDue(queue: Queue, list: DueList, entries: readonly Entry[], complete: boolean, now: number): void {
    // With the last of them gone, nothing that is added has to come after the mark.
    if (complete) list.unmark();
    for (const [key, value] of entries) {
      const { message, record } = unpackDue(keys.duePlaceOf(key), value);
      if (message.sequence < queue.purgedBelow) continue;
      this.#entries.remove(queue, message);
      this.#transitions.failedBefore(
        queue,
        record,
        { ...message, list: failedListOf(priorityOf(message.list)), due: now, attempts: message.attempts + 1 },
        now,
      );
    }
    this.#commit.touch(queue);
  }

  /** Takes a held message that a life before this one left; more of its chain than memory keeps is left in the store. */
  restoreHeld(queue: Queue, stored: Entry, now: number): { readonly key: string; readonly full: boolean } {
    const { chains } = queue;
    const { key, rank } = keys.heldOf(stored[0]);
    const chain = chains?.of(key);
    if (chains === undefined || chain === undefined) return { key, full: true };
    if (rank.sequence < queue.purgedBelow) {
      chains.review(chain, now);
      return { key, full: false };
    }
    if (chain.held.length >= HELD_LOADED_MAX) {
      chain.storedAt(rank);
      return { key, full: true };
    }
    this.#takeHeld(queue, chain, stored, now);
    chains.review(chain, now);
    return { key, full: false };
  }

  #takeHeld(queue: Queue, chain: Chain, [key, value]: Entry, now: number): void {
    const { message, record } = unpackHeld(keys.heldOf(key).rank, value);
    if (queue.chains?.leasedBefore.delete(message.sequence) !== true) {
      chain.hold(message);
      return;
    }
    this.#holding.unmarkLeased(queue, message);
    this.#holding.remove(queue, chain, message);
    this.#transitions.heldBefore(queue, chain, record, message, now);
  }
}
