import { crc32 } from "node:zlib";
import { HoldfastError } from "holdfast-client/protocol";
import { putU32, putU48, u32, u48 } from "./little-endian.js";
import { SPARSE } from "./sparse.js";

/**
 * A block as it is stored: the messages one commit gave one queue, with consecutive sequences.
 *
 *      0 u8  form                1 u8  0        2 u16 0
 *      4 u32 CRC-32 of all that follows
 *      8 u32 CRC of the queue's block before, so that a missing block shows
 *     12 u24 count of messages    15 u8 flags: 1 some of them may expire, 2 they were published with a delay,
 *                                   4 some of them have a priority, 8 it stands for one that was damaged
 *     16 u48 first sequence     22 u48 published at (ms)     28 u32 queue
 *     32 the records, one after the other
 *
 * The other form is in `sparse.ts`.
 */
export const HEADER_BYTES = 32;
const WHOLE = 1;
export const EXPIRES = 1;
export const DELAYED = 2;
export const RAISED = 4;
const REPLACES = 8;

/** What all messages of a block have in common, beside their time. */
export interface BlockTraits {
  /** Some of them may expire. */
  readonly expires: boolean;
  /** They were published with a delay, the same for all; it is over. */
  readonly delayed: boolean;
  /** Some of them have a priority above 0: in the log none has. */
  readonly raised?: boolean;
  /** They stand for messages that were lost. */
  readonly replaces?: boolean;
}

/** Packs records into a block that has all of its messages. */
export function packWhole(
  queue: number,
  first: number,
  publishedAt: number,
  previousCrc: number,
  count: number,
  records: readonly Uint8Array[],
  recordBytes: number,
  { expires, delayed, raised = false, replaces = false }: BlockTraits,
): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + recordBytes);
  putU32(bytes, 0, WHOLE);
  putU32(bytes, 8, previousCrc);
  putU32(bytes, 12, count);
  bytes[15] = (expires ? EXPIRES : 0) | (delayed ? DELAYED : 0) | (raised ? RAISED : 0) | (replaces ? REPLACES : 0);
  putU48(bytes, 16, first);
  putU48(bytes, 22, publishedAt);
  putU32(bytes, 28, queue);
  let at = HEADER_BYTES;
  for (const part of records) {
    bytes.set(part, at);
    at += part.length;
  }
  putU32(bytes, 4, crc32(bytes.subarray(8)));
  return bytes;
}

/** Fails when a stored block is damaged, so that a wrong body is never delivered. */
export function assertIntact(bytes: Uint8Array): void {
  if (bytes.length < HEADER_BYTES || (bytes[0] !== WHOLE && bytes[0] !== SPARSE)) {
    throw new HoldfastError(
      "ENGINE_UNAVAILABLE",
      `stored block has form ${bytes[0]} and ${bytes.length} bytes, expected form ${WHOLE} or ${SPARSE}`,
    );
  }
  if (crc32(bytes.subarray(8)) !== crcOf(bytes)) {
    throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queueOf(bytes)}/${firstOf(bytes)} is damaged: its CRC does not match`);
  }
}

export const crcOf = (bytes: Uint8Array): number => u32(bytes, 4);

/** The CRC of the block before it, as that was stored first. */
export const previousCrcOf = (bytes: Uint8Array): number => u32(bytes, 8);

export const countOf = (bytes: Uint8Array): number => u32(bytes, 12) & 0xff_ffff;

export const flagsOf = (bytes: Uint8Array): number => bytes[15] ?? 0;

export const firstOf = (bytes: Uint8Array): number => u48(bytes, 16);

export const publishedAtOf = (bytes: Uint8Array): number => u48(bytes, 22);

export const queueOf = (bytes: Uint8Array): number => u32(bytes, 28);

/** Whether a block is not as it was stored first, so that the one after it has another CRC of it. */
export const isRewritten = (bytes: Uint8Array): boolean => bytes[0] === SPARSE || isPlaceholder(bytes);

/** Whether a block stands for one that was lost. */
export const isPlaceholder = (bytes: Uint8Array): boolean => (flagsOf(bytes) & REPLACES) !== 0;
