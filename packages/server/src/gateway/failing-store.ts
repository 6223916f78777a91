import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../store.js";

/** A store whose writes fail while a test says so: the engine on it stops, and opens again when they work. */
export class FailingStore implements Store {
  readonly #inner: Store;
  fails = false;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  async write(writes: readonly Write[]): Promise<void> {
    if (this.fails) throw new Error("the disk is on fire");
    await this.#inner.write(writes);
  }

  open(): Promise<void> {
    return this.#inner.open();
  }

  read(range: ReadRange): Promise<readonly Entry[]> {
    return this.#inner.read(range);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#inner.get(key);
  }

  clear(ranges: readonly KeyRange[]): Promise<void> {
    return this.#inner.clear(ranges);
  }

  reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    return this.#inner.reclaim(from, to);
  }

  spareBytes(): Promise<number> {
    return this.#inner.spareBytes();
  }

  snapshot(): Promise<StoreSnapshot> {
    return this.#inner.snapshot();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
