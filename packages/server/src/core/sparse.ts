import { crc32 } from "node:zlib";
import { u32 } from "./little-endian.js";

/**
 * The form of a block that has lost most of its messages. The header is that of the block it was, with its count and its
 * first sequence; what follows is
 *
 *      0 u32 how many messages are left
 *      4 u32 the index of each in the block it was, rising
 *        their records, one after the other
 */
export const SPARSE = 2;

/** Bytes of that table. */
export const tableBytes = (messages: number): number => 4 + 4 * messages;

/** A block of the same header that has only these records. */
export function packSparse(header: Uint8Array, indexes: Uint32Array, records: readonly Uint8Array[]): Uint8Array {
  const table = Buffer.allocUnsafe(tableBytes(indexes.length));
  table.writeUInt32LE(indexes.length, 0);
  for (let slot = 0; slot < indexes.length; slot++) table.writeUInt32LE(indexes[slot] ?? 0, 4 + 4 * slot);
  const bytes = Buffer.concat([header, table, ...records]);
  bytes.writeUInt32LE(SPARSE, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

export function readIndexes(bytes: Uint8Array, at: number): Uint32Array {
  const indexes = new Uint32Array(u32(bytes, at));
  for (let slot = 0; slot < indexes.length; slot++) indexes[slot] = u32(bytes, at + 4 + 4 * slot);
  return indexes;
}

/** Where a number stands among rising ones; -1 when it is not among them. */
export function positionIn(sorted: Uint32Array, value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle] ?? 0;
    if (found === value) return middle;
    if (found < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
