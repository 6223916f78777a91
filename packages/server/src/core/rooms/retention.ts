import { Block } from "../block.js";
import * as keys from "../keys.js";
import type { Writer } from "../seal-dedup.js";
import type { HeadBlock, Room } from "./room.js";

/** Blocks that one commit deletes of one room at most; what is left goes with the next. */
const BLOCKS_PER_COMMIT = 512;

/** Removes from the head of rooms what their retention does not keep: whole blocks from the store, exact in its counts. */
export class Retention {
  readonly #writer: Writer;
  readonly #get: (key: Uint8Array) => Uint8Array | undefined;

  constructor(writer: Writer, get: (key: Uint8Array) => Uint8Array | undefined) {
    this.#writer = writer;
    this.#get = get;
  }

  /** Moves the head; returns whether there is more to do in the next commit. */
  trim(room: Room, now: number): boolean {
    for (let blocks = 0; blocks < BLOCKS_PER_COMMIT; ) {
      if (!this.#exceeds(room, now)) return false;
      const block = this.#headBlock(room);
      const head = cut(room, block, now);
      room.bytes -= bytesBetween(block, room.head, head);
      room.expired += head - room.head;
      room.head = head;
      if (head < block.end) return false;
      this.#delete(room, block);
      blocks++;
    }
    return this.#exceeds(room, now);
  }

  /** When the oldest messages are too old. */
  nextAge(room: Room): number {
    const { maxAgeMs } = room.options.retention;
    return maxAgeMs === 0 || room.head === room.next ? Number.POSITIVE_INFINITY : room.headPublishedAt + maxAgeMs;
  }

  #exceeds(room: Room, now: number): boolean {
    const { maxMessages, maxBytes } = room.options.retention;
    const count = room.next - room.head;
    if (count === 0) return false;
    return this.nextAge(room) <= now || (maxMessages > 0 && count > maxMessages) || (maxBytes > 0 && room.bytes > maxBytes && count > 1);
  }

  #headBlock(room: Room): HeadBlock {
    room.headBlock ??= this.#read(room);
    return room.headBlock;
  }

  #read(room: Room): HeadBlock {
    const fresh = room.fresh.find(({ first }) => first === room.headFirst);
    if (fresh !== undefined) {
      const { first, end, publishedAt, offsets, bytes } = fresh;
      return { first, end, publishedAt, offsets, size: bytes.length };
    }
    const stored = this.#get(keys.blockKey(room.number, room.headFirst));
    if (stored === undefined) throw new Error(`block ${room.number}/${room.headFirst} at the head of a room is missing`);
    const { first, end, publishedAt, offsets, size } = Block.unpack(stored);
    return { first, end, publishedAt, offsets, size };
  }

  #delete(room: Room, block: HeadBlock): void {
    this.#writer.write(keys.blockKey(room.number, block.first), undefined);
    room.drainedBytes += block.size;
    room.headFirst = block.end;
    room.headBlock = undefined;
    if (room.head < room.next) room.headPublishedAt = this.#headBlock(room).publishedAt;
  }
}

/** The first sequence of the block that stays, or its end. */
function cut(room: Room, block: HeadBlock, now: number): number {
  const { maxAgeMs, maxMessages, maxBytes } = room.options.retention;
  if (maxAgeMs > 0 && block.publishedAt + maxAgeMs <= now) return block.end;
  let head = room.head;
  if (maxMessages > 0) head = Math.max(head, Math.min(block.end, room.next - maxMessages));
  if (maxBytes === 0) return head;
  let bytes = room.bytes - bytesBetween(block, room.head, head);
  while (head < block.end && head < room.next - 1 && bytes > maxBytes) {
    bytes -= bytesBetween(block, head, head + 1);
    head++;
  }
  return head;
}

const bytesBetween = ({ first, offsets }: HeadBlock, from: number, to: number): number =>
  (offsets[to - first] ?? 0) - (offsets[from - first] ?? 0);
