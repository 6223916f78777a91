import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";
import { Heap } from "./heap.js";

/** A message that waits for a time, or was delivered before; the store has one entry for each, with its record. */
export interface DueMessage {
  /** Not leased before this time. */
  readonly due: number;
  /** Rises with every entry of the queue; orders those of one due time. */
  readonly order: number;
  readonly sequence: number;
  /** Deliveries that counted so far. */
  readonly attempts: number;
  readonly publishedAt: number;
  /** Bytes of its record. */
  readonly size: number;
  /** Why the last delivery failed, when the consumer said so. */
  readonly reason: string | undefined;
}

/** A place in the due list's order. */
export interface DueMark {
  readonly due: number;
  readonly order: number;
}

/** Before every entry. */
export const NO_MARK: DueMark = { due: 0, order: 0 };

/** Whether `a` comes after `b`. */
export const isAfter = (a: DueMark, b: DueMark): boolean => (a.due === b.due ? a.order > b.order : a.due > b.due);

/** How many messages of a queue's due list are in memory at most; the later ones are read when those are gone. */
const LOADED_MAX = 4_096;

/** Messages stored during one read at most; with more the read is done again. */
const MEANWHILE_MAX = 65_536;

const before = (a: DueMessage, b: DueMessage): boolean => isAfter(b, a);

/**
 * The due list of one queue: on disk ordered by due time, with its nearest stretch in memory.
 *
 * All entries up to `#loadedTo` are in the heap or leased; those after it are only on disk.
 */
export class DueList {
  readonly #near = new Heap<DueMessage>(before);
  /** The last entry known to be in memory; undefined when all are. */
  #loadedTo: DueMark | undefined;
  /** Where the read under way started. */
  #reading: DueMark | undefined;
  /** Stored since then and after the stretch in memory: the read may or may not have seen them. Undefined: too many. */
  #addedMeanwhile: DueMessage[] | undefined = [];

  values(): IterableIterator<DueMessage> {
    return this.#near.values();
  }

  /** Whether all entries that are not leased are in memory. */
  get complete(): boolean {
    return this.#loadedTo === undefined;
  }

  /** Whether the disk has entries that memory has not, and memory none before them. */
  get needsLoading(): boolean {
    return this.#near.size === 0 && this.#loadedTo !== undefined;
  }

  /** Says that nothing was read from disk yet. */
  forgetAll(): void {
    this.#near.clear();
    this.#loadedTo = NO_MARK;
  }

  /** A read of the disk starts: it goes on after the mark returned. */
  beginLoad(): DueMark {
    this.#reading = this.#loadedTo ?? NO_MARK;
    this.#addedMeanwhile = [];
    return this.#reading;
  }

  /** Whether what was read since `beginLoad` continues what is in memory. */
  get loadFits(): boolean {
    return this.#reading !== undefined && this.#loadedTo === this.#reading && this.#addedMeanwhile !== undefined;
  }

  /** What the read brings is not wanted any more. */
  abandonLoad(): void {
    this.#reading = undefined;
    this.#addedMeanwhile = [];
  }

  /** Takes a message that was just stored. */
  add(message: DueMessage): void {
    if (this.#loadedTo !== undefined && isAfter(message, this.#loadedTo)) {
      if (this.#reading !== undefined) this.#noteMeanwhile(message);
      return;
    }
    this.#near.push(message);
    if (this.#near.size > 2 * LOADED_MAX) this.#keepNearest();
  }

  #noteMeanwhile(message: DueMessage): void {
    if (this.#addedMeanwhile === undefined) return;
    this.#addedMeanwhile.push(message);
    if (this.#addedMeanwhile.length > MEANWHILE_MAX) this.#addedMeanwhile = undefined;
  }

  /**
   * Takes what was read, up to `last`; `complete` when there was nothing after it. It must have only what was
   * durable, and so added, before the read began: the rest is added, each once, when its commit is durable.
   */
  load(messages: readonly DueMessage[], last: DueMark | undefined, complete: boolean): void {
    const end = complete ? undefined : (last ?? this.#reading);
    for (const message of messages) this.#near.push(message);
    for (const message of this.#addedMeanwhile ?? []) if (end === undefined || !isAfter(message, end)) this.#near.push(message);
    this.#loadedTo = end;
    this.#reading = undefined;
    this.#addedMeanwhile = [];
  }

  /** The next message due at `now`, without taking it. */
  next(now: number): DueMessage | undefined {
    const first = this.#near.peek();
    return first !== undefined && first.due <= now ? first : undefined;
  }

  /** When the next message becomes due. */
  get nextDue(): number | undefined {
    return this.#near.peek()?.due;
  }

  take(): void {
    this.#near.pop();
  }

  /** Forgets entries, by their order numbers, wherever they are. */
  forget(orders: ReadonlySet<number>): void {
    this.#near.retain(({ order }) => !orders.has(order));
  }

  /** Says that there is no entry at all; a read under way is not wanted any more. */
  empty(): void {
    this.#near.clear();
    this.#loadedTo = undefined;
    this.abandonLoad();
  }

  /** Takes out a message of those in memory, wherever it stands. */
  remove(message: DueMessage): void {
    this.#near.retain((other) => other !== message);
  }

  #keepNearest(): void {
    const nearest: DueMessage[] = [];
    while (nearest.length < LOADED_MAX) nearest.push(this.#near.pop() as DueMessage);
    this.#near.clear();
    for (const message of nearest) this.#near.push(message);
    this.#loadedTo = nearest.at(-1);
  }
}

/**
 * An entry's value:
 *
 *     0 u8 format version   1 u8 0   2 u16 length of the reason   4 u32 CRC-32 of all that follows
 *     8 u32 attempts        12 u48 published at (ms)              18 u48 sequence
 *    24 the reason, then the record
 */
const VERSION = 1;
const HEADER_BYTES = 24;

export function packDue(message: DueMessage, record: Uint8Array): Buffer {
  const reason = Buffer.from(message.reason ?? "", "utf8");
  const value = Buffer.allocUnsafe(HEADER_BYTES + reason.length + record.length);
  value.writeUInt16LE(VERSION, 0);
  value.writeUInt16LE(reason.length, 2);
  value.writeUInt32LE(message.attempts, 8);
  value.writeUIntLE(message.publishedAt, 12, 6);
  value.writeUIntLE(message.sequence, 18, 6);
  value.set(reason, HEADER_BYTES);
  value.set(record, HEADER_BYTES + reason.length);
  value.writeUInt32LE(crc32(value.subarray(8)), 4);
  return value;
}

export function unpackDue(due: number, order: number, stored: Uint8Array): { message: DueMessage; record: Uint8Array } {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (value.length < HEADER_BYTES || value.readUInt16LE(0) !== VERSION || crc32(value.subarray(8)) !== value.readUInt32LE(4)) {
    throw new HoldfastError("ENGINE_UNAVAILABLE", `stored message ${due}/${order} is damaged: its CRC or version does not match`);
  }
  const recordStart = HEADER_BYTES + value.readUInt16LE(2);
  const record = value.subarray(recordStart);
  const reason = value.toString("utf8", HEADER_BYTES, recordStart);
  const message: DueMessage = {
    due,
    order,
    sequence: value.readUIntLE(18, 6),
    attempts: value.readUInt32LE(8),
    publishedAt: value.readUIntLE(12, 6),
    size: record.length,
    reason: reason === "" ? undefined : reason,
  };
  return { message, record };
}
