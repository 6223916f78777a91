import { clearBit, hasBit, withBit } from "./bits.js";
import type { BlockTraits } from "./block-form.js";
import * as form from "./block-form.js";
import { u32 } from "./little-endian.js";
import { packSparse, positionIn, readIndexes, SPARSE, tableBytes } from "./sparse.js";
import { delayOf, expireAtOf, lookAt, NEVER } from "./timing.js";

/** Of a block that is written anew this part was settled. */
const SPARSE_PART = 0.45;

/**
 * A block that grew past this is closed and the commit goes on in the next one. What the page cache has of a value that was
 * written at once it maps at once, so larger blocks would cost as much more memory for each table that is open.
 */
export const BLOCK_BYTES_MAX = 64 * 1024;

/**
 * The messages of one commit in one queue, with what is known of each: at most 1 bit. A message keeps its index, its
 * distance from the first sequence, for ever; its slot is where it stands among those that the block still has.
 */
export class Block {
  readonly queue: number;
  readonly first: number;
  readonly count: number;
  readonly publishedAt: number;
  /** Bytes as it is stored. */
  size = 0;
  crc = 0;
  /** Some of its messages may expire. */
  readonly expires: boolean;
  /** Its messages were published with a delay. */
  readonly delayed: boolean;
  /** Some of its messages have a priority. */
  readonly raised: boolean;
  /** When its messages might be delivered first. */
  readonly since: number;
  /** When to look for messages that expired, rising. */
  expiryTimes: readonly number[];
  /** The keys of its first messages, as far as they were read already; only until it was looked through. */
  keys: readonly string[] | undefined;
  /** Undefined when the bytes were let go to save memory. */
  bytes: Uint8Array | undefined;
  /** Messages not settled yet. At 0 the block is deleted. */
  live = 0;
  /** Whether the store has a bitmap of it, to be deleted with it. */
  settledStored = false;
  /** Its number among those that were leased to the end, and among those that may be written anew; 0: it is not there. */
  passed = 0;
  candidate = 0;
  /** Whether `Residency` counts its bytes. */
  isCounted = false;
  /** Messages it has, settled or not. */
  #slots = 0;
  /** The index of each slot, when it does not have all. */
  #indexes: Uint32Array | undefined;
  /** Where the record of each slot starts, and where the last one ends. */
  #offsets: Uint32Array | undefined;
  /** A bit per slot; undefined while none is settled. */
  #settled: Uint8Array | undefined;
  /** A bit per slot that was leased, of an ordered queue: those are not leased in the order of the log. */
  #leased: Uint8Array | undefined;
  /** A bit per slot that is marked as leased in the store and that nobody leased yet. */
  #reserved: Uint8Array | undefined;
  /** Bytes of the records that are settled. */
  #settledBytes = 0;

  private constructor(bytes: Uint8Array) {
    this.count = form.countOf(bytes);
    this.first = form.firstOf(bytes);
    this.publishedAt = form.publishedAtOf(bytes);
    this.queue = form.queueOf(bytes);
    const flags = form.flagsOf(bytes);
    this.expires = (flags & form.EXPIRES) !== 0;
    this.delayed = (flags & form.DELAYED) !== 0;
    this.raised = (flags & form.RAISED) !== 0;
    this.#take(bytes);
    this.since = this.publishedAt + (this.delayed ? delayOf(bytes, this.#recordsStart) : 0);
    this.expiryTimes = this.expires ? this.#expiryTimes(bytes) : NONE;
  }

  /** Becomes what the bytes say. */
  #take(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.size = bytes.length;
    this.crc = form.crcOf(bytes);
    this.#indexes = bytes[0] === SPARSE ? readIndexes(bytes, form.HEADER_BYTES) : undefined;
    this.#slots = this.#indexes?.length ?? this.count;
    this.live = this.#slots;
    this.#offsets = undefined;
    this.#settled = undefined;
    this.#leased = undefined;
    this.#reserved = undefined;
    this.#settledBytes = 0;
  }

  #expiryTimes(bytes: Uint8Array): number[] {
    const times = new Set<number>();
    for (let slot = 0; slot < this.#slots; slot++) times.add(lookAt(expireAtOf(bytes, this.#startOf(slot), this.publishedAt)));
    times.delete(NEVER);
    return [...times].sort((a, b) => a - b);
  }

  /** Packs records into a new block. */
  static pack(
    queue: number,
    first: number,
    publishedAt: number,
    previousCrc: number,
    count: number,
    records: readonly Uint8Array[],
    recordBytes: number,
    traits: BlockTraits,
  ): Block {
    return new Block(form.packWhole(queue, first, publishedAt, previousCrc, count, records, recordBytes, traits));
  }

  /** Reads a stored block; fails when it is damaged, so that a wrong body is never delivered. */
  static unpack(bytes: Uint8Array): Block {
    form.assertIntact(bytes);
    return new Block(bytes);
  }

  /** One past its last sequence. */
  get end(): number {
    return this.first + this.count;
  }

  /** Where the record of each message starts, and where the last one ends; of a block that has all of its messages. */
  get offsets(): Uint32Array {
    return this.#starts;
  }

  get #starts(): Uint32Array {
    if (this.#offsets === undefined) {
      const bytes = this.#inMemory;
      const offsets = new Uint32Array(this.#slots + 1);
      let at = this.#recordsStart;
      for (let slot = 0; slot < this.#slots; slot++) {
        offsets[slot] = at;
        at += u32(bytes, at);
      }
      offsets[this.#slots] = at;
      this.#offsets = offsets;
    }
    return this.#offsets;
  }

  /** Where the first record starts. A block of one message, as each is that was published alone, has no table of them. */
  get #recordsStart(): number {
    return form.HEADER_BYTES + (this.#indexes === undefined ? 0 : tableBytes(this.#slots));
  }

  #startOf(slot: number): number {
    return slot === 0 ? this.#recordsStart : (this.#starts[slot] ?? 0);
  }

  #stopOf(slot: number): number {
    return slot === this.#slots - 1 ? this.size : (this.#starts[slot + 1] ?? 0);
  }

  /** Where a message stands; -1 when it is gone. */
  #slotOf(index: number): number {
    return this.#indexes === undefined ? index : positionIn(this.#indexes, index);
  }

  /** Where a record begins in the bytes; of a message that is not gone. */
  start(index: number): number {
    return this.#startOf(this.#slotOf(index));
  }

  /** One past its last byte. */
  stop(index: number): number {
    return this.#stopOf(this.#slotOf(index));
  }

  /** All records; only while memory has the bytes. */
  get records(): Uint8Array {
    return this.#inMemory.subarray(form.HEADER_BYTES);
  }

  record(index: number): Uint8Array {
    return this.#inMemory.subarray(this.start(index), this.stop(index));
  }

  get #inMemory(): Uint8Array {
    if (this.bytes === undefined) throw new Error(`block ${this.queue}/${this.first} is not in memory`);
    return this.bytes;
  }

  /** Whether a message is settled, or gone. */
  isSettled(index: number): boolean {
    const slot = this.#slotOf(index);
    return slot < 0 || this.live === 0 || hasBit(this.#settled, slot);
  }

  /** Marks one message settled; each only once. */
  settle(index: number): void {
    const slot = this.#slotOf(index);
    this.#settledBytes += this.#stopOf(slot) - this.#startOf(slot);
    this.live--;
    // With the last one the block goes, and its bits are not asked for.
    if (this.live > 0) this.#settled = withBit(this.#settled, this.#slots, slot);
  }

  isLeased(index: number): boolean {
    return hasBit(this.#leased, this.#slotOf(index));
  }

  markLeased(index: number): void {
    this.#leased = withBit(this.#leased, this.#slots, this.#slotOf(index));
  }

  unmarkLeased(index: number): void {
    clearBit(this.#leased, this.#slotOf(index));
  }

  /** The mark of a message is durable before somebody leases it. */
  reserve(index: number): void {
    this.#reserved = withBit(this.#reserved, this.#slots, this.#slotOf(index));
  }

  isReserved(index: number): boolean {
    return hasBit(this.#reserved, this.#slotOf(index));
  }

  /** Uses such a mark up; false when there was none. */
  takeReserved(index: number): boolean {
    const slot = this.#slotOf(index);
    if (!hasBit(this.#reserved, slot)) return false;
    clearBit(this.#reserved, slot);
    return true;
  }

  /** Forgets which messages are in flight, or about to be. */
  unmarkAll(): void {
    this.#leased = undefined;
    this.#reserved = undefined;
  }

  /** The same of those before `end` alone. */
  unmarkBelow(end: number): void {
    for (let slot = 0; slot < this.#slots && (this.#indexes?.[slot] ?? slot) < end; slot++) {
      clearBit(this.#leased, slot);
      clearBit(this.#reserved, slot);
    }
  }

  /** What is stored beside the block: the bits of the settled messages, then those of the leased ones if there are any. */
  get bitmap(): Buffer {
    const bytes = (this.#slots + 7) >> 3;
    return Buffer.concat([this.#settled ?? new Uint8Array(bytes), this.#leased ?? new Uint8Array(0)]);
  }

  /** Takes the bitmap that was stored for it. */
  restoreBitmap(bitmap: Uint8Array): void {
    const bytes = (this.#slots + 7) >> 3;
    this.#settled = Uint8Array.from(bitmap.subarray(0, bytes));
    this.#leased = bitmap.length > bytes ? Uint8Array.from(bitmap.subarray(bytes)) : undefined;
    this.settledStored = true;
    this.live = 0;
    let liveBytes = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (hasBit(this.#settled, slot)) continue;
      this.live++;
      liveBytes += this.#stopOf(slot) - this.#startOf(slot);
    }
    this.#settledBytes = this.size - this.#recordsStart - liveBytes;
  }

  /** Bytes of records that are settled and stored all the same. */
  get deadBytes(): number {
    return this.#settledBytes;
  }

  /** Whether what is settled takes so much that, with what the block has of its own, half of it may not be live. */
  get isSparse(): boolean {
    return this.live > 0 && this.#settledBytes > SPARSE_PART * this.size;
  }

  /**
   * Drops what is settled. Indexes stay as they are, and where records lie changes. Bytes that were let go stay so.
   *
   * @param source this block, or as it is stored when memory has let its bytes go
   * @returns what is to be stored
   */
  compact(source: Block): Uint8Array {
    const { bytes } = source;
    if (bytes === undefined) throw new Error(`block ${this.queue}/${this.first} is not in memory`);
    const [leased, reserved] = [this.#leased, this.#reserved];
    const kept: number[] = [];
    const indexes = new Uint32Array(this.live);
    const records: Uint8Array[] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      if (hasBit(this.#settled, slot)) continue;
      kept.push(slot);
      const index = this.#indexes?.[slot] ?? slot;
      indexes[records.length] = index;
      records.push(bytes.subarray(source.start(index), source.stop(index)));
    }
    const wasLetGo = this.bytes === undefined;
    const packed = packSparse(bytes.subarray(0, form.HEADER_BYTES), indexes, records);
    this.#take(packed);
    if (this.expires) this.expiryTimes = this.#expiryTimes(packed);
    for (const [slot, before] of kept.entries()) {
      if (hasBit(leased, before)) this.#leased = withBit(this.#leased, this.#slots, slot);
      if (hasBit(reserved, before)) this.#reserved = withBit(this.#reserved, this.#slots, slot);
    }
    if (wasLetGo) this.evict();
    return packed;
  }

  /** Whether one of its messages is marked as leased. */
  get hasMarks(): boolean {
    return this.#leased !== undefined;
  }

  /** Lets the bytes go; they are read again when a message needs them. */
  evict(): void {
    // Where its records lie is still asked for.
    if (this.#slots > 1) void this.#starts;
    this.bytes = undefined;
  }
}

const NONE: readonly number[] = [];
