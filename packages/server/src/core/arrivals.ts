import type { DueMessage } from "./due-list.js";
import { isAfter } from "./due-mark.js";
import { Heap } from "./heap.js";

/**
 * Entries of a due list that are written and not durable yet, with their records.
 *
 * Until they are, nothing that comes after them is leased: the mark of what was leased would pass them, and a crash
 * would count an attempt for a message that nobody was sent.
 */
export class Arrivals {
  readonly #records = new Map<DueMessage, Uint8Array>();
  /** May also have entries that arrived or went since. */
  readonly #ordered = new Heap<DueMessage>((a, b) => isAfter(b, a));

  add(message: DueMessage, record: Uint8Array): void {
    this.#records.set(message, record);
    this.#ordered.push(message);
  }

  /** Takes one out; false when it is not there any more. */
  take(message: DueMessage): boolean {
    return this.#records.delete(message);
  }

  recordOf(message: DueMessage): Uint8Array | undefined {
    return this.#records.get(message);
  }

  values(): IterableIterator<DueMessage> {
    return this.#records.keys();
  }

  clear(): void {
    this.#records.clear();
    this.#ordered.clear();
  }

  /** The first in the list's order. */
  get first(): DueMessage | undefined {
    for (let first = this.#ordered.peek(); first !== undefined; first = this.#ordered.peek()) {
      if (this.#records.has(first)) return first;
      this.#ordered.pop();
    }
    return undefined;
  }
}
