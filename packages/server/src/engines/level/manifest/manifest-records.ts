import type { FileHandle } from "node:fs/promises";
import { BLOCK_BYTES, begins, goesOn, HEADER_BYTES, partAt } from "../logs/log-parts.js";

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
      if (begins(part) !== (parts.length === 0)) return;
      // The block is read into anew.
      parts.push(Buffer.from(part.bytes));
      at = part.end;
      if (goesOn(part)) continue;
      yield { bytes: Buffer.concat(parts), end: start + at };
      parts = [];
    }
    // What is left of a block where no header fits is not used.
    if (bytesRead < BLOCK_BYTES || BLOCK_BYTES - at >= HEADER_BYTES) return;
  }
}
