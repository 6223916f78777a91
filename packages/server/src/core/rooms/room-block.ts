import type { RoomBlock, RoomRef, RoomSlice } from "../../room-engine.js";
import type { Block } from "../block.js";
import { expireAtOf } from "../timing.js";
import { type ExcludedRun, type Exclusion, unpackExcluded } from "./exclusion.js";

/** A block of a room in memory: its bytes are handed to every device as they are. */
export class StoredBlock implements RoomBlock {
  readonly room: RoomRef;
  readonly first: number;
  readonly publishedAt: number;
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  /** Which members do not get which messages; undefined, as nearly always, when all get all. */
  readonly excluded: readonly ExcludedRun[] | undefined;
  /** Some of its messages may expire. */
  readonly expires: boolean;
  #slice: RoomSlice | undefined;

  constructor(room: RoomRef, block: Block, bytes: Uint8Array) {
    this.room = room;
    this.first = block.first;
    this.publishedAt = block.publishedAt;
    this.bytes = bytes;
    this.offsets = block.offsets;
    this.expires = block.expires;
    const end = this.offsets[block.count] ?? bytes.length;
    this.excluded = end < bytes.length ? unpackExcluded(bytes, end) : undefined;
  }

  get count(): number {
    return this.offsets.length - 1;
  }

  /** One past its last sequence. */
  get end(): number {
    return this.first + this.count;
  }

  /** What it costs to keep. */
  get weight(): number {
    return this.bytes.length + this.offsets.byteLength + 512;
  }

  /** Bytes of the records from one index to another. */
  bytesOf(from: number, to: number): number {
    return (this.offsets[to] ?? 0) - (this.offsets[from] ?? 0);
  }

  isExcluded(member: number, sequence: number): boolean {
    return this.exclusionOf(sequence)?.has(member) === true;
  }

  /** Who does not get the message; undefined when all do. */
  exclusionOf(sequence: number): Exclusion | undefined {
    return this.excluded?.find(({ first, count }) => sequence >= first && sequence < first + count)?.exclusion;
  }

  /** Nobody gets it any more. */
  isExpired(sequence: number, now: number): boolean {
    if (!this.expires || sequence >= this.end) return false;
    return expireAtOf(this.bytes, this.offsets[sequence - this.first] ?? 0, this.publishedAt) <= now;
  }

  /** The slice of those indices: the same object for first deliveries of the same messages, one after the other. */
  slice(from: number, to: number, redelivered: boolean): RoomSlice {
    const known = this.#slice;
    if (known !== undefined && !redelivered && known.from === from && known.to === to) return known;
    const slice: RoomSlice = { kind: "messages", block: this, from, to, redelivered };
    if (!redelivered) this.#slice = slice;
    return slice;
  }
}
