import { ByteWriter, decodeText } from "./bytes.js";
import { HoldfastError } from "./errors.js";

/**
 * A message as it travels and rests: packed once by whoever publishes it, then only copied.
 *
 *     u32 size of the whole record
 *     u8  format of the body: 0 JSON, 1 binary, 2 JSON with buffers
 *     u8  present: bit 0 event, 1 key, 2 headers, 3 replyTo, 4 correlationId, 5 history
 *     u8  traits: bit 0 the id was chosen by the application, bit 1 the body is ASCII
 *     u8  length of the id, then the id
 *     u16 length and bytes of each present field, in the order of the bits
 *     the body: the rest
 */
export const FORMAT_JSON = 0;
export const FORMAT_BINARY = 1;
export const FORMAT_MIXED = 2;

export const HAS_EVENT = 1;
export const HAS_KEY = 2;
export const HAS_HEADERS = 4;
export const HAS_REPLY_TO = 8;
export const HAS_CORRELATION_ID = 16;
export const HAS_HISTORY = 32;
const PRESENT_MASK = 63;

export const TRAIT_CHOSEN_ID = 1;
const TRAIT_ASCII_BODY = 2;
const TRAITS_MASK = 3;

const HEADER_BYTES = 8;
const FIELDS = [HAS_EVENT, HAS_KEY, HAS_HEADERS, HAS_REPLY_TO, HAS_CORRELATION_ID, HAS_HISTORY] as const;

/** Text pairs that travel beside the body. */
export type Headers = Readonly<Record<string, string>>;

/** What may accompany a body. Undefined fields take no byte. */
export interface RecordFields {
  readonly id: string;
  readonly chosenId?: boolean | undefined;
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
  return writePacked(writer, fields, packBody(body));
}

/** As `writeRecord`, with a body packed earlier. */
export function writePacked(writer: ByteWriter, fields: RecordFields, body: PackedBody): number {
  const start = writer.length;
  writer.u32(0);
  writer.u32(0);
  let present = 0;
  const idBytes = writer.text(fields.id);
  for (const bit of FIELDS) {
    const value = fieldOf(fields, bit);
    if (value === undefined) continue;
    present |= bit;
    writer.text16(value);
  }
  let traits = fields.chosenId === true ? TRAIT_CHOSEN_ID : 0;
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

function fieldOf(fields: RecordFields, bit: (typeof FIELDS)[number]): string | undefined {
  switch (bit) {
    case HAS_EVENT:
      return fields.event;
    case HAS_KEY:
      return fields.key;
    case HAS_HEADERS:
      return fields.headers && JSON.stringify(fields.headers);
    case HAS_REPLY_TO:
      return fields.replyTo;
    case HAS_CORRELATION_ID:
      return fields.correlationId;
    case HAS_HISTORY:
      return fields.history;
    default:
      return bit satisfies never;
  }
}

/** A body that its owner can no longer change: JSON text, or the bytes of one of the other formats. */
export type PackedBody = string | { readonly format: number; readonly bytes: Uint8Array };

/** Packs a body; `BAD_REQUEST` when it is neither a JSON value nor bytes, `TOO_LARGE` when it holds too many buffers. */
export function packBody(body: unknown): PackedBody {
  const binary = asBytes(body);
  if (binary !== undefined) return { format: FORMAT_BINARY, bytes: new Uint8Array(binary) };
  if (holdsBuffers(body, 0)) return packMixed(body);
  return stringify(body);
}

function stringify(body: unknown): string {
  let why: unknown = typeof body;
  try {
    const json: string | undefined = JSON.stringify(body);
    if (json !== undefined) return json;
  } catch (error) {
    why = error;
  }
  throw new HoldfastError("BAD_REQUEST", `body is no JSON value and no bytes: ${why}`);
}

function packMixed(body: unknown): PackedBody {
  const buffers: Uint8Array[] = [];
  const paths: (string | number)[][] = [];
  const json = stringify(liftBuffers(body, [], buffers, paths));
  const writer = new ByteWriter();
  writer.u8(buffers.length);
  for (const buffer of buffers) writer.u32(buffer.length);
  const pathsAt = writer.length;
  writer.u32(0);
  writer.patchU32(pathsAt, writer.text(JSON.stringify(paths)));
  for (const buffer of buffers) writer.bytes(buffer);
  writer.text(json);
  return { format: FORMAT_MIXED, bytes: writer.take() };
}

function asBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

/** The largest number of buffers in one body, and the deepest JSON: DESIGN.md section 6. */
export const BUFFERS_MAX = 10;
export const DEPTH_MAX = 32;

/** Whether a buffer lies somewhere in `value`; `BAD_REQUEST` when it is nested too deep to be JSON that a server takes. */
function holdsBuffers(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (asBytes(value) !== undefined) return true;
  if (depth === DEPTH_MAX) throw new HoldfastError("BAD_REQUEST", `body is nested deeper than ${DEPTH_MAX}`);
  if ("toJSON" in value && typeof value.toJSON === "function") return false;
  let found = false;
  if (Array.isArray(value)) {
    for (const item of value) found = holdsBuffers(item, depth + 1) || found;
  } else {
    for (const name of Object.keys(value)) found = holdsBuffers(Reflect.get(value, name), depth + 1) || found;
  }
  return found;
}

/** Returns `value` with null in the place of every buffer; the same object when it holds none. */
function liftBuffers(value: unknown, path: (string | number)[], buffers: Uint8Array[], paths: (string | number)[][]): unknown {
  const bytes = asBytes(value);
  if (bytes !== undefined) {
    if (buffers.length === BUFFERS_MAX) throw new HoldfastError("TOO_LARGE", `body holds more than ${BUFFERS_MAX} buffers`);
    buffers.push(bytes);
    paths.push(path);
    return null;
  }
  if (!holdsBuffers(value, 0)) return value;
  if (Array.isArray(value)) return value.map((item, index) => liftBuffers(item, [...path, index], buffers, paths));
  return Object.fromEntries(
    Object.entries(value as object).map(([name, item]) => [name, liftBuffers(item, [...path, name], buffers, paths)]),
  );
}

/** Size of the record at `start`, or `BAD_REQUEST` when it does not lie within `end` or its parts do not fit in it. */
export function checkRecord(view: DataView, start: number, end: number): number {
  const size = start + HEADER_BYTES <= end ? view.getUint32(start, true) : 0;
  if (size < HEADER_BYTES || start + size > end) throw malformed(`record at ${start} has size ${size}, ${end - start} bytes are left`);
  const format = view.getUint8(start + 4);
  const present = view.getUint8(start + 5);
  if (format > FORMAT_MIXED) throw malformed(`body format ${format}, expected 0 to ${FORMAT_MIXED}`);
  if ((present & ~PRESENT_MASK) !== 0 || (view.getUint8(start + 6) & ~TRAITS_MASK) !== 0) throw malformed("a record sets reserved bits");
  let at = start + HEADER_BYTES + view.getUint8(start + 7);
  for (let bits = present; bits !== 0; bits &= bits - 1) {
    if (at + 2 > start + size) throw malformed("a record's fields are longer than the record");
    at += 2 + view.getUint16(at, true);
  }
  if (at > start + size) throw malformed("a record's fields are longer than the record");
  return size;
}

const malformed = (detail: string): HoldfastError => new HoldfastError("BAD_REQUEST", `malformed frame: ${detail}`);

/** Reads one record in place; nothing is decoded before it is asked for. */
export class RecordView {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  get format(): number {
    return this.#bytes[this.#start + 4] ?? 0;
  }

  get chosenId(): boolean {
    return ((this.#bytes[this.#start + 6] ?? 0) & TRAIT_CHOSEN_ID) !== 0;
  }

  get id(): string {
    const at = this.#start + HEADER_BYTES;
    return decodeText(this.#bytes, at, at + (this.#bytes[this.#start + 7] ?? 0));
  }

  get event(): string | undefined {
    return this.#field(HAS_EVENT);
  }

  get key(): string | undefined {
    return this.#field(HAS_KEY);
  }

  get headers(): Headers | undefined {
    const text = this.#field(HAS_HEADERS);
    return text === undefined ? undefined : (JSON.parse(text) as Headers);
  }

  get replyTo(): string | undefined {
    return this.#field(HAS_REPLY_TO);
  }

  get correlationId(): string | undefined {
    return this.#field(HAS_CORRELATION_ID);
  }

  get history(): string | undefined {
    return this.#field(HAS_HISTORY);
  }

  /** Where the field of that bit lies; equal ends when absent. */
  #range(bit: number): { start: number; end: number } {
    const bytes = this.#bytes;
    const present = bytes[this.#start + 5] ?? 0;
    let at = this.#start + HEADER_BYTES + (bytes[this.#start + 7] ?? 0);
    for (const field of FIELDS) {
      if ((present & field) === 0) {
        if (field === bit) return { start: at, end: at };
        continue;
      }
      const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
      if (field === bit) return { start: at + 2, end: at + 2 + length };
      at += 2 + length;
    }
    return { start: at, end: this.#end };
  }

  #field(bit: number): string | undefined {
    if (((this.#bytes[this.#start + 5] ?? 0) & bit) === 0) return undefined;
    const { start, end } = this.#range(bit);
    return decodeText(this.#bytes, start, end);
  }

  /** The bytes of a field, for hashing; empty when absent. */
  fieldBytes(bit: number): Uint8Array {
    const { start, end } = this.#range(bit);
    return this.#bytes.subarray(start, end);
  }

  /** Bytes of each part, for checking limits. */
  get sizes(): { idBytes: number; eventBytes: number; keyBytes: number; headersBytes: number; bodyBytes: number } {
    const size = (bit: number): number => {
      const { start, end } = this.#range(bit);
      return end - start;
    };
    return {
      idBytes: this.#bytes[this.#start + 7] ?? 0,
      eventBytes: size(HAS_EVENT),
      keyBytes: size(HAS_KEY),
      headersBytes: size(HAS_HEADERS),
      bodyBytes: this.#end - this.#bodyStart,
    };
  }

  /** Where the history lies or would lie; it is the last field. */
  get historyStart(): number {
    const { start } = this.#range(HAS_HISTORY);
    return this.history === undefined ? start : start - 2;
  }

  get #bodyStart(): number {
    return (this.#bytes[this.#start + 5] ?? 0) === 0
      ? this.#start + HEADER_BYTES + (this.#bytes[this.#start + 7] ?? 0)
      : this.#range(PRESENT_MASK + 1).start;
  }

  /** The body's bytes as they were published. */
  get bodyBytes(): Uint8Array {
    return this.#bytes.subarray(this.#bodyStart, this.#end);
  }

  /**
   * The body as a value: parsed JSON, or bytes.
   *
   * @param bytewise gives the whole buffer as {@link decodeBytewise} does, so that many small ASCII bodies cost one decoding
   */
  body(bytewise?: () => string): unknown {
    const format = this.format;
    const start = this.#bodyStart;
    if (format === FORMAT_BINARY) return this.#bytes.slice(start, this.#end);
    if (format === FORMAT_MIXED) return this.#mixedBody(start);
    const ascii = ((this.#bytes[this.#start + 6] ?? 0) & TRAIT_ASCII_BODY) !== 0;
    const text = ascii && bytewise !== undefined ? bytewise().slice(start, this.#end) : decodeText(this.#bytes, start, this.#end);
    return JSON.parse(text);
  }

  #mixedBody(start: number): unknown {
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, this.#end);
    const count = view.getUint8(start);
    let at = start + 1 + 4 * count;
    const pathBytes = view.getUint32(at, true);
    const paths = JSON.parse(decodeText(bytes, at + 4, at + 4 + pathBytes)) as (string | number)[][];
    at += 4 + pathBytes;
    const buffers: Uint8Array[] = [];
    for (let index = 0; index < count; index++) {
      const length = view.getUint32(start + 1 + 4 * index, true);
      buffers.push(bytes.slice(at, at + length));
      at += length;
    }
    let root = JSON.parse(decodeText(bytes, at, this.#end)) as unknown;
    paths.forEach((path, index) => {
      root = place(root, path, 0, buffers[index]);
    });
    return root;
  }
}

/** Puts `buffer` where `path` leads; only along properties the value really has. */
function place(value: unknown, path: readonly (string | number)[], depth: number, buffer: Uint8Array | undefined): unknown {
  const step = path[depth];
  if (step === undefined) return buffer;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) {
    throw new HoldfastError("BAD_REQUEST", "body names a place for a buffer that it does not have");
  }
  Reflect.set(value, step, place(Reflect.get(value, step), path, depth + 1, buffer));
  return value;
}
