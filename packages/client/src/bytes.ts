import { textWriter } from "#platform";
import { HoldfastError } from "./errors.js";

const utf8 = new TextDecoder("utf-8");
const TWO_POW_32 = 0x1_0000_0000;

/** A growing little-endian buffer. Reused from frame to frame: `take` hands out a copy and starts again. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #writeText: (text: string, at: number) => number;
  length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
    this.#writeText = textWriter(this.#bytes);
  }

  #room(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
    this.#writeText = textWriter(grown);
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.length++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** An integer from 0 to 2^48 - 1: sequences, lease numbers, milliseconds since 1970. */
  u48(value: number): void {
    this.#room(6);
    this.#view.setUint32(this.length, value % TWO_POW_32, true);
    this.#view.setUint16(this.length + 4, Math.floor(value / TWO_POW_32), true);
    this.length += 6;
  }

  /** Overwrites four bytes written earlier, such as a size known only at the end. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  patchU16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  patchU8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  bytes(source: Uint8Array): void {
    this.#room(source.length);
    this.#bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Writes text as UTF-8 and returns how many bytes it took. */
  text(value: string): number {
    this.#room(value.length * 3);
    const written = this.#writeText(value, this.length);
    this.length += written;
    return written;
  }

  /** Text of at most 255 bytes, after its length. */
  text8(value: string): void {
    const at = this.length;
    this.u8(0);
    this.patchU8(at, this.text(value));
  }

  /** Text of at most 65,535 bytes, after its length. */
  text16(value: string): void {
    const at = this.length;
    this.u16(0);
    this.patchU16(at, this.text(value));
  }

  /** A copy of what was written; the writer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const copy = this.#bytes.slice(0, this.length);
    this.length = 0;
    return copy;
  }

  /** What was written, in place: to be read before anything else is written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Forgets what was written after `length`. */
  rewind(length: number): void {
    this.length = length;
  }
}

/** Reads what `ByteWriter` wrote; reading past the end is `BAD_REQUEST`, never a wrong value. */
export class ByteReader {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  #advance(bytes: number): number {
    const at = this.at;
    if (at + bytes > this.end) {
      throw new HoldfastError("BAD_REQUEST", "malformed frame");
    }
    this.at = at + bytes;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.#advance(4), true);
  }

  u48(): number {
    return this.peekU48(this.#advance(6));
  }

  /** Looks at four bytes without moving. */
  peekU32(at: number): number {
    return at + 4 <= this.end ? this.view.getUint32(at, true) : 0;
  }

  peekU48(at: number): number {
    return this.view.getUint32(at, true) + this.view.getUint16(at + 4, true) * TWO_POW_32;
  }

  skip(bytes: number): number {
    return this.#advance(bytes);
  }

  text(bytes: number): string {
    const at = this.#advance(bytes);
    return decodeText(this.bytes, at, at + bytes);
  }

  text8(): string {
    return this.text(this.u8());
  }

  text16(): string {
    return this.text(this.u16());
  }
}

/** UTF-8 bytes as text. */
export const decodeText = (bytes: Uint8Array, start: number, end: number): string => utf8.decode(bytes.subarray(start, end));
