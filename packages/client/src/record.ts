import { FORMAT_JSON, FORMAT_MIXED, type PackedBody, packBody } from "./body.js";
import type { ByteWriter } from "./bytes.js";
import { HoldfastError } from "./errors.js";
import * as LIMITS from "./limits.js";

/**
 * A message as it travels and rests: packed once by whoever publishes it, then only copied.
 *
 *     u32 size of the whole record
 *     u8  format of the body: 0 JSON, 1 binary, 2 JSON with buffers
 *     u8  present: bit 0 event, 1 key, 2 headers, 3 replyTo, 4 correlationId, 5 history, 6 timing
 *     u8  traits: bit 0 the id was chosen by the application, bit 1 the body is ASCII, bits 2 to 5 the priority, 0 to 9
 *     u8  length of the id, then the id
 *     u16 length and bytes of each present field, in the order of the bits; those of timing are u48 delay in
 *         milliseconds, then u48 time to live in milliseconds if the message has one of its own
 *     the body: the rest
 */
export const HAS_EVENT = 1;
export const HAS_KEY = 2;
export const HAS_HEADERS = 4;
export const HAS_REPLY_TO = 8;
export const HAS_CORRELATION_ID = 16;
export const HAS_HISTORY = 32;
/** The same bit, of a message for a room, which has no history: who gets nothing of it, as JSON. */
export const HAS_EXCEPT = 32;
export const HAS_TIMING = 64;
export const PRESENT_MASK = 127;

export const TRAIT_CHOSEN_ID = 1;
export const TRAIT_ASCII_BODY = 2;
const TRAITS_MASK = 63;
export const PRIORITY_SHIFT = 2;
export const PRIORITY_MASK = 15;

export const HEADER_BYTES = 8;

/** Text pairs that travel beside the body. */
export type Headers = Readonly<Record<string, string>>;

/** When a message may be delivered. */
export interface Timing {
  /** Not before this time after its publish. */
  readonly delayMs?: number | undefined;
  /** Not once this time after its publish is over; 0: for ever, whatever its queue says. Undefined leaves it to the queue. */
  readonly ttlMs?: number | undefined;
}

/** What may accompany a body. Undefined fields take no byte. */
export interface RecordFields extends Timing {
  readonly id: string;
  readonly chosenId?: boolean | undefined;
  /** 0 to 9. */
  readonly priority?: number | undefined;
  readonly event?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
  /** Added by the server to a dead letter: where it came from and why it is here. */
  readonly history?: string | undefined;
}

/** Writes one record at the writer's end and returns its size in bytes. */
export function writeRecord(writer: ByteWriter, fields: RecordFields, body: unknown): number {
  const { id, chosenId = false, priority = 0, event, key, headers, replyTo, correlationId, history } = fields;
  const texts = [event, key, headers && JSON.stringify(headers), replyTo, correlationId, history];
  return writePacked(writer, id, traitsOf(chosenId, priority), texts, packBody(body), fields);
}

/** What a record says of a message beside its fields. */
export const traitsOf = (chosenId: boolean, priority: number): number => (chosenId ? TRAIT_CHOSEN_ID : 0) | (priority << PRIORITY_SHIFT);

/**
 * As `writeRecord`, with everything packed before.
 *
 * @param given what `traitsOf` gave
 * @param texts the optional fields in the order of their bits
 */
export function writePacked(
  writer: ByteWriter,
  id: string,
  given: number,
  texts: readonly (string | undefined)[],
  body: PackedBody,
  timing?: Timing,
): number {
  const start = writer.length;
  writer.u32(0);
  writer.u32(0);
  const idBytes = writer.text(id);
  let present = 0;
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index];
    if (text === undefined) continue;
    present |= 1 << index;
    writer.text16(text);
  }
  if (timing !== undefined && writeTiming(writer, timing)) present |= HAS_TIMING;
  let traits = given;
  let format = FORMAT_JSON;
  if (typeof body === "string") {
    if (writer.text(body) === body.length) traits |= TRAIT_ASCII_BODY;
  } else {
    format = body.format;
    writer.bytes(body.bytes);
  }
  const size = writer.length - start;
  writer.patchU32(start, size);
  writer.patchU32(start + 4, (format | (present << 8) | (traits << 16) | (idBytes << 24)) >>> 0);
  return size;
}

/** Writes the timing field, unless there is nothing to say. */
export function writeTiming(writer: ByteWriter, { delayMs = 0, ttlMs }: Timing): boolean {
  if (delayMs === 0 && ttlMs === undefined) return false;
  writer.u16(ttlMs === undefined ? 6 : 12);
  writer.u48(delayMs);
  if (ttlMs !== undefined) writer.u48(ttlMs);
  return true;
}

/** Size of the record at `start`, or `BAD_REQUEST` when it does not lie within `end` or its parts do not fit in it. */
export function checkRecord(view: DataView, start: number, end: number): number {
  const size = start + HEADER_BYTES <= end ? view.getUint32(start, true) : 0;
  if (size < HEADER_BYTES || start + size > end) throw malformed(`record at ${start} has size ${size}, ${end - start} bytes are left`);
  const format = view.getUint8(start + 4);
  const present = view.getUint8(start + 5);
  const traits = view.getUint8(start + 6);
  if (format > FORMAT_MIXED) throw malformed(`body format ${format}, expected 0 to ${FORMAT_MIXED}`);
  if ((present & ~PRESENT_MASK) !== 0 || (traits & ~TRAITS_MASK) !== 0) throw malformed("a record sets reserved bits");
  const priority = (traits >> PRIORITY_SHIFT) & PRIORITY_MASK;
  if (priority > LIMITS.priorityMax) throw malformed(`priority ${priority}, expected 0 to ${LIMITS.priorityMax}`);
  let at = start + HEADER_BYTES + view.getUint8(start + 7);
  for (let bits = present; bits !== 0; bits &= bits - 1) {
    if (at + 2 > start + size) throw malformed("a record's fields are longer than the record");
    at += 2 + view.getUint16(at, true);
  }
  if (at > start + size) throw malformed("a record's fields are longer than the record");
  return size;
}

const malformed = (detail: string): HoldfastError => new HoldfastError("BAD_REQUEST", `malformed frame: ${detail}`);
