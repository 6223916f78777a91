import type { BlobDirectory } from "./blob-directory.js";
import { HEAD_BYTES_MAX, readHead, recordBytes } from "./blob-record.js";

/** About what is written anew in one commit. */
const FOUND_BYTES = 256 * 1024;

/** A record of a blob file, which the store below may still refer to. */
export interface FoundRecord {
  readonly key: Uint8Array;
  readonly file: number;
  readonly at: number;
}

export interface FoundRecords {
  readonly records: readonly FoundRecord[];
  /** Where the next one begins. */
  readonly end: number;
}

/** A part of a blob file. */
export interface Part {
  readonly file: number;
  readonly from: number;
  readonly end: number;
}

/** Records of a file from a place on, about as many as one commit should have; none behind one that is damaged. */
export async function recordsOf(directory: BlobDirectory, { file, from, end }: Part): Promise<FoundRecords> {
  const records: FoundRecord[] = [];
  let at = from;
  while (at < end && at - from < FOUND_BYTES) {
    const bytes = Buffer.alloc(HEAD_BYTES_MAX);
    const head = readHead(bytes.subarray(0, await directory.read(file, bytes, at)));
    if (head === undefined) break;
    records.push({ key: head.key, file, at });
    at += recordBytes(head.key.length, head.valueBytes);
  }
  return { records, end: at };
}
