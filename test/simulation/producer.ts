import type { Letter } from "./messages.js";
import type { Channel } from "./network.js";

/** One application that numbers its messages of a queue or of rooms, and sends again what it has no answer to. */
export class Producer<Item = Letter> {
  readonly id: string;
  /** The queue, or a name of where they go. */
  readonly queue: string;
  readonly channel: Channel | undefined;
  /** Messages without an answer, by number, rising. */
  readonly #open = new Map<number, Item>();
  /** Arrays that are stored all or none, by their first number. */
  readonly #arrays = new Map<number, readonly Item[]>();
  #next = 1;

  constructor(id: string, queue: string, channel: Channel | undefined) {
    this.id = id;
    this.queue = queue;
    this.channel = channel;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get next(): number {
    return this.#next;
  }

  /** Takes messages into the outbox, and returns the first one's number. */
  add(letters: readonly Item[], array: boolean): number {
    const first = this.#next;
    if (array) this.#arrays.set(first, letters);
    for (const letter of letters) this.#open.set(this.#next++, letter);
    return first;
  }

  /** The array that has the number, with its first number. */
  arrayAt(number: number): { readonly first: number; readonly letters: readonly Item[] } | undefined {
    for (const [first, letters] of this.#arrays) if (number >= first && number < first + letters.length) return { first, letters };
    return undefined;
  }

  /** The oldest number without an answer. */
  get oldestOpen(): number {
    const oldest: number | undefined = this.#open.keys().next().value;
    return oldest ?? this.#next;
  }

  /** Open messages from a number on, as far as their numbers follow each other and no array begins. */
  from(number: number, countMax: number): Item[] {
    const letters: Item[] = [];
    for (
      let letter = this.#open.get(number);
      letter !== undefined && letters.length < countMax && !this.#arrays.has(number + letters.length);
      letter = this.#open.get(number + letters.length)
    )
      letters.push(letter);
    return letters;
  }

  close(number: number): void {
    this.#open.delete(number);
    this.#arrays.delete(number);
  }
}
