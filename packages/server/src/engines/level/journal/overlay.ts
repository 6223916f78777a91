import { HoldfastError } from "holdfast-client/protocol";
import type { Write } from "../../../store.js";
import type { JournalFile } from "./journal-file.js";
import type { FoundRecord } from "./recover.js";

/** What the journal says of a key. Whoever asked for it must not keep it: the next change of the key is made in place. */
export interface Change {
  /** Where the value begins in the file. */
  at: number;
  /** Of the value; `DELETED` when there is none. */
  bytes: number;
  /** Nothing below these changes has the key, so once it is deleted nothing is left to say of it. */
  fresh: boolean;
}

export const DELETED = -1;

/** One for all keys that are gone: a backlog that drains has one of them for each block. */
const GONE: Change = Object.freeze({ at: 0, bytes: DELETED, fresh: false });

/** Keys with the same beginning, to find those of a range. */
interface Group {
  texts: string[];
  sorted: boolean;
  live: number;
}

/** Of small changes a file holds more than memory should: each takes about 150 bytes there. */
const ENTRIES_MAX = 32_768;

/** A kind of entry and a queue: what a range is read of. */
const PREFIX_BYTES = 5;

/** As text of one character per byte, so that comparing text compares bytes. */
export const textOf = (key: Uint8Array): string =>
  (Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength)).toString("latin1");

/** The key of a text. */
export const keyOf = (text: string): Buffer => Buffer.from(text, "latin1");

/**
 * What one file of the journal changes in the store below it, with the last word on each key. Keys are told apart at once;
 * those of a range are put in order when somebody asks for them, which seldom happens.
 */
export class Overlay {
  readonly file: JournalFile;
  /** One past the last record in the file. */
  end = 0;
  readonly #changes = new Map<string, Change>();
  readonly #groups = new Map<number, Group>();

  constructor(file: JournalFile) {
    this.file = file;
  }

  get size(): number {
    return this.#changes.size;
  }

  /** Whether a record of so many bytes may be added to the file, and its changes to the memory that these take. */
  hasRoom(bytes: number): boolean {
    return this.#changes.size < ENTRIES_MAX && this.file.makeRoom(this.end + bytes);
  }

  /** Of the file, or of the memory for its changes. */
  get isHalfFull(): boolean {
    return this.isMuchMemory || this.end >= this.file.bytesMax / 2;
  }

  /** Many changes, as of a backlog that drains: memory should not have two of these for long. */
  get isMuchMemory(): boolean {
    return this.#changes.size >= ENTRIES_MAX / 2;
  }

  get(text: string): Change | undefined {
    return this.#changes.get(text);
  }

  entries(): IterableIterator<[string, Change]> {
    return this.#changes.entries();
  }

  /** Takes what a record wrote that was just appended to the file. */
  take(writes: readonly Write[], starts: readonly number[]): void {
    for (let index = 0; index < writes.length; index++) {
      const { key, value, fresh = false } = writes[index] as Write;
      if (value === undefined) this.delete(textOf(key));
      else this.put(textOf(key), this.end + (starts[index] ?? 0), value.length, fresh);
    }
  }

  /** Takes a record that a life before this one left. What the store below has by now is not known. */
  takeFound({ at, writes }: FoundRecord): void {
    for (const { key, value } of writes) {
      if (value === undefined) this.delete(textOf(key));
      else this.put(textOf(key), at + value.byteOffset, value.length, false);
    }
  }

  /** @param at where the value begins in the file */
  put(text: string, at: number, bytes: number, fresh: boolean): void {
    const known = this.#changes.get(text);
    if (known === undefined) this.#join(text);
    if (known === undefined || known === GONE) {
      this.#changes.set(text, { at, bytes, fresh: known === undefined && fresh });
    } else {
      known.at = at;
      known.bytes = bytes;
    }
  }

  delete(text: string): void {
    const known = this.#changes.get(text);
    if (known?.fresh === true) {
      this.#remove(text);
      return;
    }
    if (known === undefined) this.#join(text);
    this.#changes.set(text, GONE);
  }

  /**
   * The value of a change that is no deletion.
   *
   * @param value as long as it: where to read it to
   */
  value({ at, bytes }: Change, value: Uint8Array = Buffer.allocUnsafeSlow(bytes)): Uint8Array {
    if (this.file.read(value, at) !== bytes) throw new HoldfastError("ENGINE_UNAVAILABLE", `the journal ends before ${at + bytes}`);
    return value;
  }

  /** Forgets a change of `older` that this has a later word on. Whether it had one. */
  overrides(older: Overlay, text: string, change: Change): boolean {
    const known = this.#changes.get(text);
    if (known === undefined) return false;
    older.#remove(text);
    if (known !== GONE) known.fresh = change.fresh;
    else if (change.fresh) this.#remove(text);
    return true;
  }

  #remove(text: string): void {
    this.#changes.delete(text);
    const id = groupOf(text);
    const group = this.#groups.get(id);
    if (group === undefined) return;
    group.live--;
    if (group.live === 0) this.#groups.delete(id);
    else if (group.texts.length > 2 * group.live + 16) this.#tidy(group);
  }

  #join(text: string): void {
    const id = groupOf(text);
    const group = this.#groups.get(id);
    if (group === undefined) {
      this.#groups.set(id, { texts: [text], sorted: true, live: 1 });
      return;
    }
    if (group.sorted && text <= (group.texts.at(-1) ?? "")) group.sorted = false;
    group.texts.push(text);
    group.live++;
  }

  /** Leaves each key of the group once, in order. A key that went and came back is there twice until then. */
  #tidy(group: Group): void {
    group.texts = [...new Set(group.texts.filter((text) => this.#changes.has(text)))].sort();
    group.sorted = true;
  }

  /** The keys from `from` on, up to and without `to`, in order. */
  range(from: string, to: string): string[] {
    const texts: string[] = [];
    const groups = this.#groupsOf(from, to);
    for (const group of groups) {
      if (!group.sorted) this.#tidy(group);
      for (let at = lowerBound(group.texts, from); at < group.texts.length; at++) {
        const text = group.texts[at] ?? "";
        if (text >= to) break;
        if (this.#changes.has(text)) texts.push(text);
      }
    }
    return groups.length > 1 ? texts.sort() : texts;
  }

  #groupsOf(from: string, to: string): Group[] {
    const [first, last] = [prefixOf(from), prefixOf(to)];
    // A range of one queue, as nearly all are.
    const ids = last - first <= 1 ? [kindOf(from), first, last] : this.#groups.keys();
    const found = new Set<Group>();
    for (const id of ids) {
      const group = this.#groups.get(id);
      if (group !== undefined && id >= kindOf(from) && id <= last) found.add(group);
    }
    return [...found];
  }
}

/** Of each kind a group for the keys that are no longer than a prefix, then one for each prefix. */
const groupOf = (text: string): number => (text.length <= PREFIX_BYTES ? kindOf(text) : prefixOf(text));

const kindOf = (text: string): number => text.charCodeAt(0) * 2 ** 33;

function prefixOf(text: string): number {
  let queue = 0;
  for (let at = 1; at < PREFIX_BYTES; at++) queue = queue * 256 + (text.charCodeAt(at) || 0);
  return kindOf(text) + 1 + queue;
}

/** The index of the first text that is not below `text`. */
export function lowerBound(texts: readonly string[], text: string): number {
  let low = 0;
  let high = texts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((texts[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
