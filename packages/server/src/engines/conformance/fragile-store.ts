import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../../store.js";
import { turn } from "./manual-clock.js";

const forever = (): Promise<never> => new Promise(() => {});

/**
 * A store whose process can be killed: from `crash` on it answers nothing, and what it had not handed to the real store
 * by then is lost. A write that the real store was busy with may be kept or not, as on a real machine.
 */
export class FragileStore implements Store {
  readonly #inner: Store;
  readonly #busy = new Set<Promise<unknown>>();
  #dead = false;
  #failure: { readonly kept: boolean } | undefined;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** Lets the next write fail, whether the real store keeps it all the same or not. */
  failNextWrite(kept: boolean): void {
    this.#failure = { kept };
  }

  /** Kills the process, so to speak, and sets the real store free for the next one. */
  async crash(): Promise<void> {
    this.#dead = true;
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
    await this.#inner.close();
  }

  async #unlessDead<Result>(operation: () => Promise<Result>): Promise<Result> {
    if (this.#dead) return forever();
    const running = operation();
    this.#busy.add(running);
    try {
      return await running.finally(() => this.#busy.delete(running));
    } finally {
      if (this.#dead) await forever();
    }
  }

  async open(): Promise<void> {
    await this.#unlessDead(() => this.#inner.open());
  }

  async write(writes: readonly Write[]): Promise<void> {
    // A crash in this turn loses the write whole.
    await turn();
    if (!this.#dead) this.#checkFresh(writes);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure?.kept !== false) await this.#unlessDead(() => this.#inner.write(writes));
    if (failure !== undefined) throw new Error("the disk failed");
  }

  /** Whoever says that the store does not have a key must be right. */
  #checkFresh(writes: readonly Write[]): void {
    const written = new Map<string, boolean>();
    for (const { key, value, fresh } of writes) {
      const text = Buffer.from(key).toString("hex");
      const known = written.get(text) ?? this.#inner.get(key) !== undefined;
      if (fresh === true && known) throw new Error(`key ${text} is written as one that the store does not have, but it has it`);
      written.set(text, value !== undefined);
    }
  }

  read(range: ReadRange): Promise<readonly Entry[]> {
    return this.#unlessDead(() => this.#inner.read(range));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#dead ? undefined : this.#inner.get(key);
  }

  clear(ranges: readonly KeyRange[]): Promise<void> {
    return this.#unlessDead(() => this.#inner.clear(ranges));
  }

  reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    return this.#unlessDead(() => this.#inner.reclaim(from, to));
  }

  spareBytes(): Promise<number> {
    return this.#unlessDead(() => this.#inner.spareBytes());
  }

  snapshot(): Promise<StoreSnapshot> {
    return this.#unlessDead(() => this.#inner.snapshot());
  }

  close(): Promise<void> {
    return this.#unlessDead(() => this.#inner.close());
  }
}
