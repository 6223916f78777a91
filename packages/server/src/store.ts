/** One change of a commit: a value to put, or undefined to delete the key. */
export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  /** The store does not have this key: should it be deleted soon, a store may forget both without a trace. */
  readonly fresh?: boolean;
}

/** A range of keys in byte order, `from` included and `to` not. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** A range, and how much of it is wanted. */
export interface ReadRange extends KeyRange {
  readonly entriesMax: number;
  /** Reading stops once this many bytes were passed, so at least one entry comes. */
  readonly bytesMax: number;
  /** From the end of the range backwards. */
  readonly reverse?: boolean;
  /** Keys that are read over, as if they were not there. */
  readonly hides?: (key: Uint8Array) => boolean;
  /** How many bytes a value counts as, where it stands for another one; its own by default. */
  readonly weigh?: (value: Uint8Array) => number;
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

/** All that a store had at one moment, however it changes since. To be closed: it keeps what is deleted meanwhile. */
export interface StoreSnapshot {
  read(range: ReadRange): Promise<readonly Entry[]>;
  close(): Promise<void>;
}

/**
 * An ordered map of bytes that survives power loss: all that the core asks of a disk.
 *
 * It is fail-stop: after a failed `write` it may be closed and opened again, nothing else.
 */
export interface Store {
  /** Opens what is there or creates it. Fails with one clear `HoldfastError` when it cannot. */
  open(): Promise<void>;
  /** Applies all writes or none, and resolves once they survive power loss. One call at a time; the bytes may be used anew after it. */
  write(writes: readonly Write[]): Promise<void>;
  read(range: ReadRange): Promise<readonly Entry[]>;
  /** Reads one key at once; for the rare message whose bytes were let go to save memory. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Deletes ranges that nothing refers to any more, for good, and gives their space back; not atomic, and repeated after a crash. */
  clear(ranges: readonly KeyRange[]): Promise<void>;
  /** Gives the space of a deleted range back. Only advice. */
  reclaim(from: Uint8Array, to: Uint8Array): Promise<void>;
  /** Bytes that may still be written before publishes are to be refused; below 0: none. */
  spareBytes(): Promise<number>;
  /**
   * What the store has at one moment after the call, whole commits only. Writes go on meanwhile. It ends with the store,
   * if nobody closes it before.
   */
  snapshot(): Promise<StoreSnapshot>;
  close(): Promise<void>;
}
