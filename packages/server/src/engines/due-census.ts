import type { DueMessage } from "../core/due-list.js";
import { isAfter } from "../core/due-mark.js";
import type { DueWatcher } from "../core/due-watcher.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../store.js";
import { storedDue } from "./due-store.js";

/**
 * Counts a queue's due lists from the store, when memory has only a stretch of them, while messages come and go.
 *
 * The store tells what there was when the census began, the core what changed since. So once all was read the counts are
 * those of that very moment, whatever the reads took. What is leased is counted with the rest.
 */
export class DueCensus implements DueWatcher {
  readonly now: number;
  /** Messages that wait for their time, which is after `now`. */
  delayed = 0;
  /** Since when the oldest of all might have been delivered, which may have gone since. */
  oldest = Number.POSITIVE_INFINITY;
  readonly #queue: Queue;
  /** Of messages with this order number or a later one the core tells; a read may find them or not. */
  readonly #told: number;
  /** Order numbers of those that went before they were read. */
  readonly #gone = new Set<number>();
  /** The message that was read last, and the lists that were read before its own. */
  #last: DueMessage | undefined;
  readonly #lists = new Set<number>();

  /** Begins one, which the core tells of changes until it ends. */
  constructor(queue: Queue, now: number) {
    this.now = now;
    this.#queue = queue;
    this.#told = queue.durableOrder;
    for (const list of queue.levels.lists) for (const message of list.arriving()) this.added(message);
    queue.dueWatchers.add(this);
  }

  end(): void {
    this.#queue.dueWatchers.delete(this);
  }

  /** @param caughtUp resolves when what was done up to now is durable */
  async read(store: Store, caughtUp: () => Promise<void>): Promise<void> {
    // Else the store may still have what went before this began.
    await caughtUp();
    for await (const { message } of storedDue(this.#queue, store)) this.#count(message);
  }

  #count(message: DueMessage): void {
    if (this.#last !== undefined && this.#last.list !== message.list) this.#lists.add(this.#last.list);
    this.#last = message;
    if (message.order < this.#told && !this.#gone.has(message.order)) this.added(message);
  }

  added(message: DueMessage): void {
    if (message.due > this.now) this.delayed++;
    this.oldest = Math.min(this.oldest, message.since);
  }

  removed(message: DueMessage): void {
    if (message.order < this.#told && !this.#wasRead(message)) this.#gone.add(message.order);
    else if (message.due > this.now) this.delayed--;
  }

  #wasRead(message: DueMessage): boolean {
    if (this.#lists.has(message.list)) return true;
    return this.#last?.list === message.list && !isAfter(message, this.#last);
  }

  emptied(): void {
    this.delayed = 0;
    this.oldest = Number.POSITIVE_INFINITY;
  }
}
