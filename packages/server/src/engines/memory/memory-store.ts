import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../../store.js";

/** A store in memory: the reference, for tests and for servers that need not survive. Its content ends with the process. */
export class MemoryStore implements Store {
  /** Keys in byte order, as text of one character per byte, so that comparing text compares bytes. */
  #keys: string[] = [];
  #values = new Map<string, Uint8Array>();
  /** Deleted keys that are still in `#keys`. */
  #holes = 0;

  async open(): Promise<void> {}

  async write(writes: readonly Write[]): Promise<void> {
    for (const { key, value } of writes) this.#apply(textOf(key), value);
    if (this.#holes > 1_000 && this.#holes > this.#keys.length / 2) this.#compact();
  }

  #apply(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      if (this.#values.delete(key)) this.#holes++;
      return;
    }
    const known = this.#values.has(key);
    this.#values.set(key, Buffer.from(value));
    if (known) return;
    const at = this.#lowerBound(key);
    if (this.#keys[at] === key) this.#holes--;
    else this.#keys.splice(at, 0, key);
  }

  #compact(): void {
    this.#keys = this.#keys.filter((key) => this.#values.has(key));
    this.#holes = 0;
  }

  /** The index of the first key that is not below `key`. */
  #lowerBound(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async read(range: ReadRange): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    const from = this.#lowerBound(textOf(range.from));
    const to = this.#lowerBound(textOf(range.to));
    let bytes = 0;
    for (let step = 0; step < to - from && entries.length < range.entriesMax && bytes < range.bytesMax; step++) {
      const key = this.#keys[range.reverse === true ? to - 1 - step : from + step] ?? "";
      const value = this.#values.get(key);
      if (value === undefined) continue;
      const entry = [Buffer.from(key, "latin1"), value] as const;
      if (range.hides?.(entry[0]) === true) continue;
      entries.push(entry);
      bytes += key.length + (range.weigh?.(value) ?? value.length);
    }
    return entries;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(textOf(key));
  }

  async clear(ranges: readonly KeyRange[]): Promise<void> {
    for (const { from, to } of ranges) {
      for (let at = this.#lowerBound(textOf(from)), end = this.#lowerBound(textOf(to)); at < end; at++) {
        if (this.#values.delete(this.#keys[at] ?? "")) this.#holes++;
      }
    }
    this.#compact();
  }

  async reclaim(): Promise<void> {}

  async spareBytes(): Promise<number> {
    return Number.POSITIVE_INFINITY;
  }

  async snapshot(): Promise<StoreSnapshot> {
    const copy = new MemoryStore();
    copy.#keys = [...this.#keys];
    copy.#values = new Map(this.#values);
    return copy;
  }

  async close(): Promise<void> {}
}

const textOf = (key: Uint8Array): string =>
  (Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength)).toString("latin1");
