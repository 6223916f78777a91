import type { FileHandle } from "node:fs/promises";
import { maskedCrc32c } from "./crc32c.js";

/** LevelDB's log format, `doc/log_format.md`: blocks, each with parts of records, each with a header. */
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const TYPE_AT = 6;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

export interface ManifestRecord {
  readonly bytes: Buffer;
  /** Where the file may be cut so that this is its last record. */
  readonly end: number;
}

/** The records of a manifest up to the first that is not whole. */
export async function* recordsOf(file: FileHandle): AsyncGenerator<ManifestRecord> {
  const block = Buffer.alloc(BLOCK_BYTES);
  /** Of a record in several parts, those that were read. */
  let parts: Buffer[] = [];
  for (let start = 0; ; start += BLOCK_BYTES) {
    const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, start);
    let at = 0;
    for (let part = partAt(block, at, bytesRead); part !== undefined; part = partAt(block, at, bytesRead)) {
      const begins = part.type === FULL || part.type === FIRST;
      const isKnown = part.type >= FULL && part.type <= LAST;
      if (!isKnown || begins !== (parts.length === 0)) return;
      // The block is read into anew.
      parts.push(Buffer.from(part.bytes));
      at += HEADER_BYTES + part.bytes.length;
      if (part.type === FIRST || part.type === MIDDLE) continue;
      yield { bytes: Buffer.concat(parts), end: start + at };
      parts = [];
    }
    // What is left of a block where no header fits is not used.
    if (bytesRead < BLOCK_BYTES || BLOCK_BYTES - at >= HEADER_BYTES) return;
  }
}

function partAt(block: Buffer, at: number, end: number): { readonly type: number; readonly bytes: Buffer } | undefined {
  if (end - at < HEADER_BYTES) return undefined;
  const to = at + HEADER_BYTES + block.readUInt16LE(at + 4);
  if (to > end || block.readUInt32LE(at) !== maskedCrc32c(block.subarray(at + TYPE_AT, to))) return undefined;
  return { type: block.readUInt8(at + TYPE_AT), bytes: block.subarray(at + HEADER_BYTES, to) };
}
