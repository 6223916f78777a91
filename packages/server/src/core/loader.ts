import { HoldfastError } from "holdfast-client/protocol";
import type { Entry } from "../store.js";
import { Block } from "./block.js";
import type { Chain } from "./chain.js";
import { type DueList, type DueMessage, unpackDue } from "./due-list.js";
import { type HeldMessage, unpackHeld } from "./held-message.js";
import type { Hints } from "./hints.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import type { Recovery } from "./recovery.js";
import type { Windows } from "./window.js";

/** Takes into memory what was read ahead of the store: the next blocks of a log, entries of a due list, held messages of a chain. */
export class Loader {
  readonly #windows: Windows;
  readonly #recovery: Recovery;
  readonly #hints: Hints;

  constructor(windows: Windows, recovery: Recovery, hints: Hints) {
    this.#windows = windows;
    this.#recovery = recovery;
    this.#hints = hints;
  }

  /** How much a read may bring into the queue's window; 0 when memory is short and the window has something. */
  fillBytes(queue: Queue): number {
    return this.#windows.fillBytes(queue);
  }

  /** Takes blocks, and bitmaps of blocks, read from `from` on. `end` is where the next read starts. */
  fillLog(queue: Queue, from: number, blocks: readonly Entry[], settled: readonly Entry[], end: number, now: number): void {
    if (queue.isRemoved || queue.windowEnd !== from || !(queue.readsAhead || queue.recovers)) return;
    const bitmaps = new Map(settled.map(([key, value]) => [keys.positionOf(key), value]));
    for (const [key, value] of blocks) {
      const first = keys.positionOf(key);
      const block = Block.unpack(value);
      if (block.queue !== queue.number || block.first !== first) {
        throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queue.number}/${first} holds ${block.queue}/${block.first}`);
      }
      const bitmap = bitmaps.get(first);
      if (bitmap !== undefined) block.restoreBitmap(bitmap);
      // Of a block that was pushed out in part memory knows more than the store may.
      this.#windows.enter(queue, queue.blocks.get(first) ?? block);
    }
    queue.windowEnd = Math.max(queue.windowEnd, end);
    if (queue.window.length === 0) queue.cursor = queue.windowEnd;
    this.#recovery.recoverLog(queue, now);
    if (!queue.readsAhead) this.#windows.drop(queue);
    this.#hints.work.add(queue);
  }

  /** Takes a due list's entries read since `list.beginLoad()`, when `durableOrder` was the queue's; `complete` when there are no more. */
  fillDue(queue: Queue, list: DueList, entries: readonly Entry[], complete: boolean, durableOrder: number): void {
    if (!list.loadFits || !queue.readsAhead) {
      list.abandonLoad();
      return;
    }
    const messages: DueMessage[] = [];
    for (const [key, value] of entries) {
      const place = keys.duePlaceOf(key);
      // What was not durable when the read began is added when its commit is.
      if (place.order >= durableOrder) continue;
      const { message } = unpackDue(place, value);
      if (message.sequence >= queue.purgedBelow) messages.push(message);
    }
    const lastKey = entries.at(-1)?.[0];
    list.load(messages, lastKey && keys.duePlaceOf(lastKey), complete);
    this.#hints.more(queue);
  }

  /** Takes what was read of a chain from `chain.moreFrom` on. */
  fillChain(queue: Queue, chain: Chain, entries: readonly Entry[], complete: boolean, now: number): void {
    if (queue.chains?.find(chain.key) !== chain) return;
    const messages: HeldMessage[] = [];
    for (const entry of entries) {
      const { rank } = keys.heldOf(entry[0]);
      if (rank.sequence >= queue.purgedBelow) messages.push(unpackHeld(rank, entry[1]).message);
    }
    queue.chains?.load(chain, messages, complete, now);
    this.#hints.more(queue);
  }
}
