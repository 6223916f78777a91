import type { DueMessage } from "./due-list.js";
import { isAfter } from "./due-mark.js";
import { Heap } from "./heap.js";

/** Entries that went and are kept in the order, at most as many as are there and so many more. */
const GONE_MAX = 64;

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
    const wasThere = this.#records.delete(message);
    // Nobody may ask for the first one for long, while nobody consumes.
    if (this.#ordered.size > 2 * this.#records.size + GONE_MAX) this.#ordered.retain((each) => this.#records.has(each));
    return wasThere;
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
