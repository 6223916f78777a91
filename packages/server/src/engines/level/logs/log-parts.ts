import { maskedCrc32c } from "./crc32c.js";

/** LevelDB's log format, `doc/log_format.md`: blocks, each with parts of records, each with a header. Its manifest has it too. */
export const BLOCK_BYTES = 32_768;
export const HEADER_BYTES = 7;
const LENGTH_AT = 4;
const TYPE_AT = 6;
/** What part of its record a part is. */
const PART = { full: 1, first: 2, middle: 3, last: 4 } as const;

export interface LogPart {
  readonly type: number;
  readonly bytes: Buffer;
  /** Where the next one begins, if it is in the same block. */
  readonly end: number;
}

/** The part that begins there, when it is whole and ends before `limit`. */
export function partAt(bytes: Buffer, at: number, limit: number): LogPart | undefined {
  if (limit - at < HEADER_BYTES) return undefined;
  const type = bytes.readUInt8(at + TYPE_AT);
  const end = at + HEADER_BYTES + bytes.readUInt16LE(at + LENGTH_AT);
  if (type < PART.full || type > PART.last || end > limit) return undefined;
  if (bytes.readUInt32LE(at) !== maskedCrc32c(bytes.subarray(at + TYPE_AT, end))) return undefined;
  return { type, bytes: bytes.subarray(at + HEADER_BYTES, end), end };
}

/** Whether a record begins with such a part. */
export const begins = ({ type }: LogPart): boolean => type === PART.full || type === PART.first;

/** Whether a record goes on after such a part. */
export const goesOn = ({ type }: LogPart): boolean => type === PART.first || type === PART.middle;
