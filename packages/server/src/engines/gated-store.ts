import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../store.js";
import { turn } from "./conformance/manual-clock.js";

/** Where a call of the store may be held: before it does its work, or after, when the engine does not know yet. */
export type Moment = "before write" | "after write" | "before read" | "after read" | "before clear";

/** Holds one call of a store until a test lets it go. */
export class Gate {
  readonly moment: Moment;
  readonly accepts: (key: Uint8Array) => boolean;
  /** Resolves when the call has come to the gate. */
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach: () => void = () => {};
  #open: () => void = () => {};
  #refuse: (error: Error) => void = () => {};

  constructor(moment: Moment, accepts: (key: Uint8Array) => boolean) {
    this.moment = moment;
    this.accepts = accepts;
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#refuse = reject;
    });
  }

  /** The call is at the gate. */
  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }

  /** Lets the call go on, and what waits for it have a turn. */
  async open(): Promise<void> {
    this.#open();
    await turn();
  }

  /** Lets the call fail. */
  async fail(): Promise<void> {
    this.#refuse(new Error("the disk failed"));
    await turn();
  }
}

/** A store whose calls a test holds at gates, one call each; every other call goes straight through. */
export class GatedStore implements Store {
  readonly #inner: Store;
  readonly #gates = new Set<Gate>();
  /** The ranges whose space the engine gave back. */
  readonly reclaimed: { readonly from: Uint8Array; readonly to: Uint8Array }[] = [];

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** Holds the next call of that kind; `accepts` looks at the first key of its range. */
  hold(moment: Moment, accepts: (key: Uint8Array) => boolean = () => true): Gate {
    const gate = new Gate(moment, accepts);
    this.#gates.add(gate);
    return gate;
  }

  async #pass(moment: Moment, key: Uint8Array): Promise<void> {
    for (const gate of this.#gates) {
      if (gate.moment !== moment || !gate.accepts(key)) continue;
      this.#gates.delete(gate);
      await gate.pass();
      return;
    }
  }

  async write(writes: readonly Write[]): Promise<void> {
    const key = writes[0]?.key ?? new Uint8Array();
    await this.#pass("before write", key);
    await this.#inner.write(writes);
    await this.#pass("after write", key);
  }

  async read(range: ReadRange): Promise<readonly Entry[]> {
    await this.#pass("before read", range.from);
    const entries = await this.#inner.read(range);
    await this.#pass("after read", range.from);
    return entries;
  }

  async clear(ranges: readonly KeyRange[]): Promise<void> {
    for (const { from } of ranges) await this.#pass("before clear", from);
    await this.#inner.clear(ranges);
  }

  async reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    this.reclaimed.push({ from, to });
    await this.#inner.reclaim(from, to);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#inner.get(key);
  }

  open(): Promise<void> {
    return this.#inner.open();
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
