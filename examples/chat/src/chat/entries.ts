import type { Entry } from "./entry.js";

/** What is held in memory of a room while new messages come; older ones are read again when somebody scrolls up. */
const ENTRIES_MAX = 600;

/** Entries of a room in order of sequence, each once, however often it comes. */
export class Entries {
  #list: readonly Entry[] = [];

  get list(): readonly Entry[] {
    return this.#list;
  }

  get first(): number {
    return this.#list[0]?.sequence ?? Number.POSITIVE_INFINITY;
  }

  get last(): number {
    return this.#list.at(-1)?.sequence ?? 0;
  }

  /** Puts an entry in its place; false when it is there. */
  add(entry: Entry): boolean {
    const at = this.#at(entry.sequence);
    if (this.#list[at]?.sequence === entry.sequence) return false;
    this.#list = [...this.#list.slice(0, at), entry, ...this.#list.slice(at)];
    return true;
  }

  /** Lets the oldest go when there are many; returns whether there were. */
  trim(): boolean {
    const isLong = this.#list.length > ENTRIES_MAX;
    if (isLong) this.#list = this.#list.slice(-ENTRIES_MAX / 2);
    return isLong;
  }

  /** The index of the first entry with that sequence or a later one: nearly always it is the end. */
  #at(sequence: number): number {
    let at = this.#list.length;
    while (at > 0 && (this.#list[at - 1]?.sequence ?? 0) >= sequence) at--;
    return at;
  }
}
