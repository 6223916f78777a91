import { ALIGNMENT, HEADER_BYTES, headerOf, unpackRecord } from "../../../packages/server/src/engines/level/journal/record.js";
import type { CrashedFile } from "../power/recorded-disk.js";

const JOURNAL = /^journal-/;

/** Where the last whole record of a journal is. */
export interface LastRecord {
  readonly name: string;
  readonly at: number;
  readonly bytes: number;
}

/** Finds the record with the highest number in the files of a store. */
export function lastRecordOf(files: readonly CrashedFile[]): LastRecord | undefined {
  let last: LastRecord | undefined;
  let highest = 0;
  for (const { name, bytes } of files) {
    if (!JOURNAL.test(name)) continue;
    const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + HEADER_BYTES <= file.length; at += ALIGNMENT) {
      const header = headerOf(file.subarray(at, at + HEADER_BYTES));
      if (header === undefined || header.number <= highest || unpackRecord(file.subarray(at, at + header.bytes), header) === undefined)
        continue;
      highest = header.number;
      last = { name, at, bytes: header.bytes };
    }
  }
  return last;
}

/** The files of a store in which a record never came to be. */
export function withoutRecord(files: readonly CrashedFile[], { name, at, bytes }: LastRecord): readonly CrashedFile[] {
  return files.map((file) => {
    if (file.name !== name) return file;
    return { ...file, identity: `${file.identity} without ${at}`, bytes: Buffer.from(file.bytes).fill(0, at, at + bytes) };
  });
}
