import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";
import { Arrivals } from "./arrivals.js";
import { type DueMark, type DuePlace, isAfter, NO_MARK } from "./due-mark.js";
import { Heap } from "./heap.js";
import { type Times, timesOf } from "./timing.js";

/** A message with a priority, or that waits for a time or was delivered before; the store has one entry for each, with its record. */
export interface DueMessage extends Times {
  /** Which of the queue's lists it is in: see `PriorityLevel`. */
  readonly list: number;
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

/** What makes one, beside its place in the order and what its record says. */
export type DueFields = Omit<DueMessage, "order" | "size" | keyof Times>;

/** How many messages of a due list are in memory at most; the later ones are read when those are gone. */
const LOADED_MAX = 4_096;

/** Messages stored during one read at most; with more the read is done again. */
const MEANWHILE_MAX = 65_536;

const before = (a: DueMessage, b: DueMessage): boolean => isAfter(b, a);

/**
 * A due list of one queue: on disk ordered by due time, with its nearest stretch in memory.
 *
 * All entries up to `#loadedTo` are in the heap or leased; those after it are only on disk.
 */
export class DueList {
  readonly number: number;
  /** How far it was leased. What is stored up to here after a crash was in flight, and counts one attempt. */
  mark: DueMark = NO_MARK;
  /** The mark is to be written with the next commit; of list 0 the queue's state has it. */
  markDirty = false;
  /** A read of the next stretch is under way. */
  reading = false;
  readonly #near = new Heap<DueMessage>(before);
  /** The last entry known to be in memory; undefined when all are. */
  #loadedTo: DueMark | undefined;
  /** Where the read under way started. */
  #reading: DueMark | undefined;
  /** Stored since then and after the stretch in memory: the read may or may not have seen them. Undefined: too many. */
  #addedMeanwhile: DueMessage[] | undefined = [];
  readonly #arrivals = new Arrivals();

  constructor(number: number) {
    this.number = number;
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

  /** A message was written, and is in the list once that is durable: then `arrive` is called. */
  expect(message: DueMessage, record: Uint8Array): void {
    this.#arrivals.add(message, record);
  }

  /** Takes a message that is durable now, unless it went since. Returns whether it did. */
  arrive(message: DueMessage): boolean {
    if (!this.#arrivals.take(message)) return false;
    this.#add(message);
    return true;
  }

  #add(message: DueMessage): void {
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

  /** Whether it has a message that may be leased at `now`. */
  isReady(now: number): boolean {
    return !this.needsLoading && this.next(now) !== undefined;
  }

  /** The next message due at `now`, without taking it. */
  next(now: number): DueMessage | undefined {
    const first = this.#first;
    return first !== undefined && first.due <= now ? first : undefined;
  }

  /** When the next message becomes due; undefined as long as one before it is still to arrive. */
  get nextDue(): number | undefined {
    return this.#first?.due;
  }

  get #first(): DueMessage | undefined {
    const first = this.#near.peek();
    const arriving = this.#arrivals.first;
    return first === undefined || arriving === undefined || isAfter(arriving, first) ? first : undefined;
  }

  /** Takes the next message to be leased, and marks how far that is. */
  take(): void {
    const taken = this.#near.pop();
    if (taken === undefined || !isAfter(taken, this.mark)) return;
    this.mark = { due: taken.due, order: taken.order };
    this.markDirty = true;
  }

  /** Nothing stored is in flight. */
  unmark(): void {
    if (this.mark === NO_MARK) return;
    this.mark = NO_MARK;
    this.markDirty = true;
  }

  /** Forgets entries, by their order numbers, wherever they are. */
  forget(orders: ReadonlySet<number>): void {
    this.#near.retain(({ order }) => !orders.has(order));
  }

  /** Says that there is no entry at all; a read under way is not wanted any more. */
  empty(): void {
    this.#near.clear();
    this.#arrivals.clear();
    this.#loadedTo = undefined;
    this.abandonLoad();
  }

  /** The messages in memory that are not leased, those that are still to arrive too. */
  *waiting(): Generator<DueMessage> {
    yield* this.#near.values();
    yield* this.#arrivals.values();
  }

  /** Those of them that are still to arrive. */
  arriving(): IterableIterator<DueMessage> {
    return this.#arrivals.values();
  }

  /** Takes out one of these, wherever it stands. Returns its record when the store may not have it yet. */
  remove(message: DueMessage): Uint8Array | undefined {
    const record = this.#arrivals.recordOf(message);
    if (!this.#arrivals.take(message)) this.#near.retain((other) => other !== message);
    return record;
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

export function unpackDue({ list, due, order }: DuePlace, stored: Uint8Array): { message: DueMessage; record: Uint8Array } {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (value.length < HEADER_BYTES || value.readUInt16LE(0) !== VERSION || crc32(value.subarray(8)) !== value.readUInt32LE(4)) {
    throw new HoldfastError("ENGINE_UNAVAILABLE", `stored message ${list}/${due}/${order} is damaged: its CRC or version does not match`);
  }
  const recordStart = HEADER_BYTES + value.readUInt16LE(2);
  const record = value.subarray(recordStart);
  const reason = value.toString("utf8", HEADER_BYTES, recordStart);
  const publishedAt = value.readUIntLE(12, 6);
  const { expireAt, since } = timesOf(record, publishedAt);
  const message: DueMessage = {
    expireAt,
    since,
    list,
    due,
    order,
    sequence: value.readUIntLE(18, 6),
    attempts: value.readUInt32LE(8),
    publishedAt,
    size: record.length,
    reason: reason === "" ? undefined : reason,
  };
  return { message, record };
}
