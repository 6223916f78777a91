import { FORMAT_JSON, FORMAT_MIXED, readMixed } from "./body.js";
import { ByteReader, decodeText } from "./bytes.js";
import type { DeadLetterHistory } from "./history.js";
import {
  HAS_CORRELATION_ID,
  HAS_EVENT,
  HAS_HEADERS,
  HAS_HISTORY,
  HAS_KEY,
  HAS_REPLY_TO,
  HAS_TIMING,
  HEADER_BYTES,
  type Headers,
  PRESENT_MASK,
  PRIORITY_MASK,
  PRIORITY_SHIFT,
  type Timing,
  TRAIT_ASCII_BODY,
  TRAIT_CHOSEN_ID,
} from "./record.js";

/** Reads one record in place; nothing is decoded before it is asked for. */
export class RecordReader {
  protected readonly bytes: Uint8Array;
  protected readonly start: number;
  protected readonly end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  get id(): string {
    const at = this.start + HEADER_BYTES;
    return decodeText(this.bytes, at, at + (this.bytes[this.start + 7] as number));
  }

  get event(): string | undefined {
    return this.field(HAS_EVENT);
  }

  get key(): string | undefined {
    return this.field(HAS_KEY);
  }

  get headers(): Headers | undefined {
    return parsed(this.field(HAS_HEADERS)) as Headers | undefined;
  }

  /** Of a dead letter: where it came from, and why it died. */
  get history(): DeadLetterHistory | undefined {
    return parsed(this.field(HAS_HISTORY)) as DeadLetterHistory | undefined;
  }

  get replyTo(): string | undefined {
    return this.field(HAS_REPLY_TO);
  }

  get correlationId(): string | undefined {
    return this.field(HAS_CORRELATION_ID);
  }

  /** 0 to 9; higher goes first. */
  get priority(): number {
    return ((this.bytes[this.start + 6] as number) >> PRIORITY_SHIFT) & PRIORITY_MASK;
  }

  /** Where the field of that bit lies; equal ends when absent. With the bit above all of them, where the body begins. */
  protected range(bit: number): { start: number; end: number } {
    const bytes = this.bytes;
    const present = bytes[this.start + 5] as number;
    let end = this.start + HEADER_BYTES + (bytes[this.start + 7] as number);
    for (let field = 1; ; field *= 2) {
      let start = end;
      if (present & field) {
        start += 2;
        end = start + ((bytes[start - 2] as number) | ((bytes[start - 1] as number) << 8));
      }
      if (field === bit) return { start, end };
    }
  }

  protected field(bit: number): string | undefined {
    if (!((this.bytes[this.start + 5] as number) & bit)) return undefined;
    const { start, end } = this.range(bit);
    return decodeText(this.bytes, start, end);
  }

  protected get bodyStart(): number {
    return this.range(PRESENT_MASK + 1).start;
  }

  /**
   * The body as a value: parsed JSON, or bytes.
   *
   * @param bytewise gives the whole buffer as `bytewise` of the platform does, so that many small ASCII bodies cost one decoding
   */
  protected readBody(bytewise?: () => string | undefined): unknown {
    const text = this.readText(bytewise);
    if (text) return JSON.parse(text);
    const start = this.bodyStart;
    if (this.bytes[this.start + 4] === FORMAT_MIXED) return readMixed(this.bytes, start, this.end);
    return new Uint8Array(this.bytes.subarray(start, this.end));
  }

  /** The body's JSON as it was published; undefined when it is, or holds, bytes. */
  protected readText(bytewise?: () => string | undefined): string | undefined {
    if (this.bytes[this.start + 4] !== FORMAT_JSON) return undefined;
    const start = this.bodyStart;
    const ascii = ((this.bytes[this.start + 6] as number) & TRAIT_ASCII_BODY) !== 0;
    const text = ascii ? bytewise?.() : undefined;
    return text?.slice(start, this.end) ?? decodeText(this.bytes, start, this.end);
  }
}

const parsed = (text: string | undefined): unknown => text && JSON.parse(text);

/** And what a server reads besides. */
export class RecordView extends RecordReader {
  /** The body as a value; see `readBody`. */
  body(bytewise?: () => string | undefined): unknown {
    return this.readBody(bytewise);
  }

  get size(): number {
    return this.end - this.start;
  }

  /** The bits of its traits: `record.ts`. */
  get traits(): number {
    return this.bytes[this.start + 6] ?? 0;
  }

  get format(): number {
    return this.bytes[this.start + 4] ?? 0;
  }

  get chosenId(): boolean {
    return ((this.bytes[this.start + 6] ?? 0) & TRAIT_CHOSEN_ID) !== 0;
  }

  /** As JSON. */
  get historyText(): string | undefined {
    return this.field(HAS_HISTORY);
  }

  /** When it may be delivered; undefined when it says nothing of that. */
  get timing(): Timing | undefined {
    if (((this.bytes[this.start + 5] ?? 0) & HAS_TIMING) === 0) return undefined;
    const { start, end } = this.range(HAS_TIMING);
    const field = new ByteReader(this.bytes, start, end);
    return { delayMs: field.u48(), ttlMs: field.at < end ? field.u48() : undefined };
  }

  /** Where the key lies in the bytes; equal ends when there is none. */
  get keyRange(): { start: number; end: number } {
    return this.range(HAS_KEY);
  }

  /** The bytes of a field, for hashing; empty when absent. */
  fieldBytes(bit: number): Uint8Array {
    const { start, end } = this.range(bit);
    return this.bytes.subarray(start, end);
  }

  /** Bytes of each part, for checking limits. */
  get sizes(): { idBytes: number; eventBytes: number; keyBytes: number; headersBytes: number; bodyBytes: number } {
    const size = (bit: number): number => {
      const { start, end } = this.range(bit);
      return end - start;
    };
    return {
      idBytes: this.bytes[this.start + 7] ?? 0,
      eventBytes: size(HAS_EVENT),
      keyBytes: size(HAS_KEY),
      headersBytes: size(HAS_HEADERS),
      bodyBytes: this.end - this.bodyStart,
    };
  }

  /** Where the field of that bit lies with its length, relative to the record's start; equal ends where it would lie. */
  fieldAt(bit: number): { start: number; end: number } {
    const { start, end } = this.range(bit);
    const lengthBytes = ((this.bytes[this.start + 5] ?? 0) & bit) === 0 ? 0 : 2;
    return { start: start - this.start - lengthBytes, end: end - this.start };
  }

  /** The body's bytes as they were published. */
  get bodyBytes(): Uint8Array {
    return this.bytes.subarray(this.bodyStart, this.end);
  }
}
