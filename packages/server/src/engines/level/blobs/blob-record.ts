import { crc32 } from "node:zlib";

/**
 * A record of a blob file: u32 CRC of the rest but for the value, u32 bytes of the value, u16 bytes of the key, the key, the
 * value. The key says whose value it is, to whoever goes through a file for what is still in use. The value has no CRC here:
 * only blocks are kept in such files, and they have their own.
 */
export interface RecordHead {
  readonly key: Uint8Array;
  readonly valueBytes: number;
}

const HEAD_BYTES = 10;
/** Read of a record to know its head. All keys of blocks are shorter. */
export const HEAD_BYTES_MAX = 64;

export const recordBytes = (keyBytes: number, valueBytes: number): number => HEAD_BYTES + keyBytes + valueBytes;

/** Writes a record to `target`, and returns where it ends. */
export function packRecord(target: Buffer, at: number, key: Uint8Array, value: Uint8Array): number {
  const keyEnd = at + HEAD_BYTES + key.length;
  target.writeUInt32LE(value.length, at + 4);
  target.writeUInt16LE(key.length, at + 8);
  target.set(key, at + HEAD_BYTES);
  target.writeUInt32LE(crc32(target.subarray(at + 4, keyEnd)), at);
  target.set(value, keyEnd);
  return keyEnd + value.length;
}

/** The head of the record that begins here; undefined when there is none. */
export function readHead(head: Buffer): RecordHead | undefined {
  if (head.length < HEAD_BYTES) return undefined;
  const keyEnd = HEAD_BYTES + head.readUInt16LE(8);
  if (keyEnd > head.length || head.readUInt32LE(0) !== crc32(head.subarray(4, keyEnd))) return undefined;
  return { key: head.subarray(HEAD_BYTES, keyEnd), valueBytes: head.readUInt32LE(4) };
}
