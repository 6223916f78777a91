import { ByteWriter, HAS_HISTORY, HAS_TIMING, RecordView, type Timing, writeTiming } from "holdfast-client/protocol";

/** When something is that never comes. */
export const NEVER = Number.POSITIVE_INFINITY;

const PRESENT_AT = 5;
const ID_BYTES_AT = 7;
const HEADER_BYTES = 8;
/** Length of a timing field with the delay alone. */
const DELAY_BYTES = 6;

/** What a message says of its time, counted from its publish. */
export interface Times {
  /** When it might be delivered first: with a delay, once that was over. */
  readonly since: number;
  /** When it is too old to be delivered; {@link NEVER} for most. */
  readonly expireAt: number;
}

/** Expired messages that nobody asks for are looked for once a second, and not for each of them. */
const LOOK_MS = 1_000;

/** When to look for what expires at that time. */
export const lookAt = (expireAt: number): number => Math.ceil(expireAt / LOOK_MS) * LOOK_MS;

/** Whether a record says anything of its time that still counts: a dead letter waits until somebody takes it. */
const hasTiming = (bytes: Uint8Array, start: number): boolean =>
  ((bytes[start + PRESENT_AT] ?? 0) & (HAS_TIMING | HAS_HISTORY)) === HAS_TIMING;

/** Where the timing field lies, length first: it is the last of the fields. */
function fieldStart(bytes: Uint8Array, start: number): number {
  let at = start + HEADER_BYTES + (bytes[start + ID_BYTES_AT] ?? 0);
  for (let bits = (bytes[start + PRESENT_AT] ?? 0) & (HAS_TIMING - 1); bits !== 0; bits &= bits - 1) at += 2 + u16(bytes, at);
  return at;
}

/** How long after its publish the record at `start` may not be delivered. */
export function delayOf(bytes: Uint8Array, start: number): number {
  return hasTiming(bytes, start) ? u48(bytes, fieldStart(bytes, start) + 2) : 0;
}

/** When the record at `start` expires. Reads in place: it runs for every message of a block that has such messages. */
export function expireAtOf(bytes: Uint8Array, start: number, publishedAt: number): number {
  if (!hasTiming(bytes, start)) return NEVER;
  const at = fieldStart(bytes, start);
  const ttlMs = u16(bytes, at) === DELAY_BYTES ? 0 : u48(bytes, at + 2 + DELAY_BYTES);
  return ttlMs === 0 ? NEVER : publishedAt + ttlMs;
}

export function timesOf(record: Uint8Array, publishedAt: number): Times {
  return { since: publishedAt + delayOf(record, 0), expireAt: expireAtOf(record, 0, publishedAt) };
}

/** Bytes that a record grows by when it takes the queue's time to live. */
export function ttlGrowth(record: RecordView, ttlMs: number): number {
  if (ttlMs === 0 || record.timing?.ttlMs !== undefined) return 0;
  return record.timing === undefined ? 2 + 2 * DELAY_BYTES : DELAY_BYTES;
}

/** The record with the queue's time to live, if it has none of its own: what a queue says later changes nothing for it. */
export function withDefaultTtl(record: Uint8Array, ttlMs: number): Uint8Array {
  if (ttlMs === 0) return record;
  const { timing } = new RecordView(record, 0, record.length);
  return timing?.ttlMs === undefined ? withTiming(record, { delayMs: timing?.delayMs, ttlMs }) : record;
}

/** A copy of records whose times to live are shorter by what they waited already; each has some left. */
export function withLessTtl(records: Uint8Array, waitedMs: number): Uint8Array {
  const copy = Buffer.from(records);
  for (let start = 0; start < copy.length; start += copy.readUInt32LE(start)) {
    const expireAt = expireAtOf(copy, start, 0);
    if (expireAt !== NEVER) copy.writeUIntLE(Math.max(1, expireAt - waitedMs), fieldStart(copy, start) + 2 + DELAY_BYTES, 6);
  }
  return copy;
}

/** A copy of a record without its delay, which was over long ago. */
export function withoutDelay(record: Uint8Array): Uint8Array {
  const { timing } = new RecordView(record, 0, record.length);
  return timing === undefined ? record : withTiming(record, { ttlMs: timing.ttlMs });
}

function withTiming(record: Uint8Array, timing: Timing): Buffer {
  const { start, end } = new RecordView(record, 0, record.length).fieldAt(HAS_TIMING);
  const writer = new ByteWriter(16);
  const present = writeTiming(writer, timing);
  const copy = Buffer.concat([record.subarray(0, start), writer.view(), record.subarray(end)]);
  copy.writeUInt32LE(copy.length, 0);
  copy[PRESENT_AT] = present ? (copy[PRESENT_AT] ?? 0) | HAS_TIMING : (copy[PRESENT_AT] ?? 0) & ~HAS_TIMING;
  return copy;
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);

const u48 = (bytes: Uint8Array, at: number): number => u16(bytes, at) + u16(bytes, at + 2) * 0x1_0000 + u16(bytes, at + 4) * 0x1_0000_0000;
