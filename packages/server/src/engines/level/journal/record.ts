import { crc32 } from "node:zlib";
import type { Write } from "../../../store.js";

/**
 * A record of the journal: the writes of one commit, at a multiple of 64 bytes.
 *
 *      0 u32  "HFJ1"
 *      4 u32  CRC-32 of all that follows, without the bytes that fill up the last 64
 *      8 u48  number of the record, one above that of the record before
 *     14 u16  0
 *     16      8 bytes that only the journals of this store have, so that no message can pass for a record
 *     24 u32  bytes of the writes      28 u32  count of writes
 *     32      the writes: u8 0 deletes, 1 puts, 2 puts a key that was never there; u16 bytes of the key,
 *             u32 bytes of the value, key, value
 */
const MAGIC = 0x314a_4648;
export const HEADER_BYTES = 32;
export const SECRET_BYTES = 8;
const SECRET_AT = 16;
export const ALIGNMENT = 64;
const WRITE_BYTES = 7;
const KINDS = { delete: 0, put: 1, putFresh: 2 } as const;

/** One buffer serves all records up to the larger size; it grows with them. */
const SCRATCH_BYTES_MIN = 4_096;
const SCRATCH_BYTES_MAX = 1024 * 1024;

/** The bytes that a record takes in the file. */
export function recordBytes(writes: readonly Write[]): number {
  let bytes = HEADER_BYTES;
  for (const { key, value } of writes) bytes += WRITE_BYTES + key.length + (value?.length ?? 0);
  return aligned(bytes);
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Packs records, each valid until the next. */
export class RecordPacker {
  readonly #secret: Uint8Array;
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** @param valueStarts takes where the value of each write begins in the record */
  pack(number: number, writes: readonly Write[], bytes: number, valueStarts: number[]): Buffer {
    const record = this.#room(bytes);
    let at = HEADER_BYTES;
    for (const { key, value, fresh } of writes) {
      record[at] = value === undefined ? KINDS.delete : fresh === true ? KINDS.putFresh : KINDS.put;
      record.writeUInt16LE(key.length, at + 1);
      record.writeUInt32LE(value?.length ?? 0, at + 3);
      at += WRITE_BYTES;
      record.set(key, at);
      at += key.length;
      valueStarts.push(at);
      if (value === undefined) continue;
      record.set(value, at);
      at += value.length;
    }
    record.fill(0, at);
    record.writeUInt32LE(MAGIC, 0);
    record.writeUIntLE(number, 8, 6);
    record.writeUInt16LE(0, 14);
    record.set(this.#secret, SECRET_AT);
    record.writeUInt32LE(at - HEADER_BYTES, 24);
    record.writeUInt32LE(writes.length, 28);
    record.writeUInt32LE(crc32(record.subarray(8, at)), 4);
    return record;
  }

  #room(bytes: number): Buffer {
    if (bytes > SCRATCH_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(Math.min(2 * bytes, SCRATCH_BYTES_MAX));
    return this.#scratch.subarray(0, bytes);
  }
}

/** What the header of a record says. */
export interface RecordHeader {
  readonly number: number;
  readonly crc: number;
  readonly count: number;
  /** With the header. */
  readonly bytes: number;
  /** In the file. */
  readonly alignedBytes: number;
}

/** Whether a header may begin there, to look for one quickly. */
export const beginsRecord = (bytes: Buffer, at: number): boolean => bytes.readUInt32LE(at) === MAGIC;

/** The header at the beginning of `bytes`; undefined when there is none with that secret, or with any when none is given. */
export function headerOf(bytes: Buffer, secret?: Uint8Array): RecordHeader | undefined {
  if (bytes.length < HEADER_BYTES || !beginsRecord(bytes, 0)) return undefined;
  if (secret !== undefined && bytes.compare(secret, 0, SECRET_BYTES, SECRET_AT, SECRET_AT + SECRET_BYTES) !== 0) return undefined;
  const size = HEADER_BYTES + bytes.readUInt32LE(24);
  return {
    number: bytes.readUIntLE(8, 6),
    crc: bytes.readUInt32LE(4),
    count: bytes.readUInt32LE(28),
    bytes: size,
    alignedBytes: aligned(size),
  };
}

/** What the records of one journal have in common. */
export const secretOf = (record: Buffer): Buffer => record.subarray(SECRET_AT, SECRET_AT + SECRET_BYTES);

/** The writes of a record that is whole; undefined when it is not. */
export function unpackRecord(record: Buffer, { crc, count, bytes }: RecordHeader): Write[] | undefined {
  if (record.length < bytes || crc32(record.subarray(8, bytes)) !== crc) return undefined;
  const writes: Write[] = [];
  for (let at = HEADER_BYTES; writes.length < count; ) {
    const kind = record[at];
    const keyAt = at + WRITE_BYTES;
    const valueAt = keyAt + record.readUInt16LE(at + 1);
    at = valueAt + record.readUInt32LE(at + 3);
    const key = record.subarray(keyAt, valueAt);
    writes.push({ key, value: kind === KINDS.delete ? undefined : record.subarray(valueAt, at), fresh: kind === KINDS.putFresh });
  }
  return writes;
}
