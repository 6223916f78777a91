import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";

/**
 * A block as it is stored: the messages one commit gave one queue, with consecutive sequences.
 *
 *      0 u8  format version      1 u8  0        2 u16 0
 *      4 u32 CRC-32 of all that follows
 *      8 u32 CRC of the queue's block before, so that a missing block shows
 *     12 u32 count of messages
 *     16 u48 first sequence     22 u48 published at (ms)     28 u32 queue
 *     32 the records, one after the other
 */
const HEADER_BYTES = 32;
const VERSION = 1;

/** A block that grew past this is closed and the commit goes on in the next one. */
export const BLOCK_BYTES_MAX = 512 * 1024;

/** The messages of one commit in one queue, with what is known of each: at most 1 bit. */
export class Block {
  readonly queue: number;
  readonly first: number;
  readonly count: number;
  readonly publishedAt: number;
  readonly size: number;
  readonly crc: number;
  /** Undefined when the bytes were let go to save memory. */
  bytes: Uint8Array | undefined;
  /** Messages not settled yet. At 0 the block is deleted. */
  live: number;
  /** A bit per message; undefined while none is settled. */
  settled: Uint8Array | undefined;
  /** A bit per message that was leased, of an ordered queue: those are not leased in the order of the log. */
  leased: Uint8Array | undefined;
  /** A bit per message that is marked as leased in the store and that nobody leased yet. */
  #reserved: Uint8Array | undefined;
  /** Whether the store has a bitmap of it, to be deleted with it. */
  settledStored = false;
  #offsets: Uint32Array | undefined;

  private constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.bytes = bytes;
    this.size = bytes.length;
    this.crc = view.getUint32(4, true);
    this.count = view.getUint32(12, true);
    this.first = readU48(view, 16);
    this.publishedAt = readU48(view, 22);
    this.queue = view.getUint32(28, true);
    this.live = this.count;
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
  ): Block {
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + recordBytes);
    bytes.writeUInt32LE(VERSION, 0);
    bytes.writeUInt32LE(previousCrc, 8);
    bytes.writeUInt32LE(count, 12);
    bytes.writeUIntLE(first, 16, 6);
    bytes.writeUIntLE(publishedAt, 22, 6);
    bytes.writeUInt32LE(queue, 28);
    let at = HEADER_BYTES;
    for (const part of records) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
    return new Block(bytes);
  }

  /** Reads a stored block; fails when it is damaged, so that a wrong body is never delivered. */
  static unpack(bytes: Uint8Array): Block {
    if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) {
      throw new HoldfastError(
        "ENGINE_UNAVAILABLE",
        `stored block has version ${bytes[0]} and ${bytes.length} bytes, expected version ${VERSION}`,
      );
    }
    const block = new Block(bytes);
    if (crc32(bytes.subarray(8)) !== block.crc) {
      throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${block.queue}/${block.first} is damaged: its CRC does not match`);
    }
    return block;
  }

  /** One past its last sequence. */
  get end(): number {
    return this.first + this.count;
  }

  /** Where each record starts, and where the last one ends. */
  get offsets(): Uint32Array {
    if (this.#offsets === undefined) {
      const bytes = this.bytes;
      if (bytes === undefined) throw new Error(`block ${this.queue}/${this.first} is not in memory`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const offsets = new Uint32Array(this.count + 1);
      let at = HEADER_BYTES;
      for (let index = 0; index < this.count; index++) {
        offsets[index] = at;
        at += view.getUint32(at, true);
      }
      offsets[this.count] = at;
      this.#offsets = offsets;
    }
    return this.#offsets;
  }

  start(index: number): number {
    return this.offsets[index] ?? 0;
  }

  isSettled(index: number): boolean {
    return hasBit(this.settled, index);
  }

  /** Marks one message settled; each only once. */
  settle(index: number): void {
    this.settled = withBit(this.settled, this.count, index);
    this.live--;
  }

  isLeased(index: number): boolean {
    return hasBit(this.leased, index);
  }

  markLeased(index: number): void {
    this.leased = withBit(this.leased, this.count, index);
  }

  unmarkLeased(index: number): void {
    clearBit(this.leased, index);
  }

  /** The mark of a message is durable before somebody leases it. */
  reserve(index: number): void {
    this.#reserved = withBit(this.#reserved, this.count, index);
  }

  /** Uses such a mark up; false when there was none. */
  takeReserved(index: number): boolean {
    if (!hasBit(this.#reserved, index)) return false;
    clearBit(this.#reserved, index);
    return true;
  }

  /** Forgets which messages are in flight, or about to be. */
  unmarkAll(): void {
    this.leased = undefined;
    this.#reserved = undefined;
  }

  /** The same of those before `end` alone. */
  unmarkBelow(end: number): void {
    for (let index = Math.min(end, this.count) - 1; index >= 0; index--) {
      clearBit(this.leased, index);
      clearBit(this.#reserved, index);
    }
  }

  /** What is stored beside the block: the bits of the settled messages, then those of the leased ones if there are any. */
  get bitmap(): Buffer {
    const bytes = (this.count + 7) >> 3;
    return Buffer.concat([this.settled ?? new Uint8Array(bytes), this.leased ?? new Uint8Array(0)]);
  }

  /** Takes the bitmap that was stored for it. */
  restoreBitmap(bitmap: Uint8Array): void {
    const bytes = (this.count + 7) >> 3;
    this.settled = Uint8Array.from(bitmap.subarray(0, bytes));
    this.leased = bitmap.length > bytes ? Uint8Array.from(bitmap.subarray(bytes)) : undefined;
    this.settledStored = true;
    let settled = 0;
    for (let index = 0; index < this.count; index++) if (this.isSettled(index)) settled++;
    this.live = this.count - settled;
  }

  /** Lets the bytes go; they are read again when a message needs them. */
  evict(): void {
    this.bytes = undefined;
  }
}

const hasBit = (bits: Uint8Array | undefined, index: number): boolean =>
  bits !== undefined && ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;

function withBit(bits: Uint8Array | undefined, count: number, index: number): Uint8Array {
  const all = bits ?? new Uint8Array((count + 7) >> 3);
  all[index >> 3] = (all[index >> 3] ?? 0) | (1 << (index & 7));
  return all;
}

function clearBit(bits: Uint8Array | undefined, index: number): void {
  if (bits !== undefined) bits[index >> 3] = (bits[index >> 3] ?? 0) & ~(1 << (index & 7));
}

const readU48 = (view: DataView, at: number): number => view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x1_0000_0000;
