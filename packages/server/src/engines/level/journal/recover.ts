import type { Write } from "../../../store.js";
import { damaged } from "./damaged.js";
import type { JournalFile } from "./journal-file.js";
import type { Mark } from "./mark.js";
import { ALIGNMENT, beginsRecord, HEADER_BYTES, headerOf, type RecordHeader, secretOf, unpackRecord } from "./record.js";

/** How much of a file is looked at at a time for records where none should be. */
const SEARCH_BYTES = 1024 * 1024;

/** The writes of a record, and where it begins in the file. */
export interface FoundRecord {
  readonly number: number;
  readonly at: number;
  /** With what fills up the last 64 bytes. */
  readonly bytes: number;
  readonly writes: readonly Write[];
  /** The record itself. */
  readonly raw: Buffer;
}

export interface FoundInFile {
  readonly file: JournalFile;
  readonly record: FoundRecord;
}

/**
 * Every record from the mark on, in order. A record that is not whole ends them: it was being written when the process or
 * the machine stopped, so nobody was told that it is stored. Where whole ones follow, or the mark knows of more, something
 * durable was damaged.
 *
 * @returns the number after the last record
 */
export function* recordsFrom(files: readonly JournalFile[], { next, secret, end }: Mark): Generator<FoundInFile, number> {
  const begun = files.flatMap((file) => {
    const number = readRecord(file, 0, secret)?.number;
    if (number === undefined && readRecord(file, 0) !== undefined) throw damaged("its files are not those of this store");
    return number === undefined || number < next ? [] : [{ file, number }];
  });
  let expected = next;
  for (const { file, number } of begun.sort((a, b) => a.number - b.number)) {
    if (number !== expected) throw damaged(`record ${expected} is missing before ${number}`);
    let at = 0;
    for (let record = readRecord(file, at, secret); record?.number === expected; record = readRecord(file, at, secret)) {
      yield { file, record };
      at += record.bytes;
      expected++;
    }
  }
  for (const file of files) searchAfter(file, expected, secret);
  if (expected < end) throw damaged(`record ${expected} is missing at the end, expected all before ${end}`);
  return expected;
}

function readRecord(file: JournalFile, at: number, secret?: Uint8Array): FoundRecord | undefined {
  const header = readHeader(file, at, secret);
  if (header === undefined || at + header.bytes > file.size) return undefined;
  const record = Buffer.allocUnsafeSlow(header.bytes);
  file.read(record, at);
  const writes = unpackRecord(record, header);
  return writes && { number: header.number, at, bytes: header.alignedBytes, writes, raw: record };
}

function readHeader(file: JournalFile, at: number, secret?: Uint8Array): RecordHeader | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  return file.read(header, at) === HEADER_BYTES ? headerOf(header, secret) : undefined;
}

/** Nothing whole of that number or a later one may be left: it can only be there if those before it were durable. */
function searchAfter(file: JournalFile, expected: number, secret: Uint8Array): void {
  for (const { number } of wholeRecordsOf(file, { next: expected, secret })) {
    throw damaged(`record ${expected} is not whole, but record ${number} is`);
  }
}

/** Every whole record from a number on, wherever in a file it is, in the order of their places. */
export function* wholeRecordsOf(file: JournalFile, { next, secret }: Pick<Mark, "next" | "secret">): Generator<FoundRecord, void> {
  const part = Buffer.allocUnsafeSlow(Math.min(SEARCH_BYTES, file.size));
  for (let from = 0; from < file.size; from += SEARCH_BYTES) {
    const bytes = file.read(part, from);
    for (let at = 0; at + HEADER_BYTES <= bytes; at += ALIGNMENT) {
      if (!beginsRecord(part, at)) continue;
      const header = headerOf(part.subarray(at, at + HEADER_BYTES), secret);
      if (header === undefined || header.number < next) continue;
      const record = readRecord(file, from + at, secret);
      if (record !== undefined) yield record;
    }
  }
}

/** The number and the secret of the record at the beginning of a file, if one is whole there. */
export function firstRecordOf(file: JournalFile): { readonly number: number; readonly secret: Uint8Array } | undefined {
  const record = readRecord(file, 0);
  return record && { number: record.number, secret: secretOf(record.raw) };
}
