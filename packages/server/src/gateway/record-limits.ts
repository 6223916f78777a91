import {
  ByteReader,
  HAS_CORRELATION_ID,
  HAS_EVENT,
  HAS_HEADERS,
  HAS_HISTORY,
  HAS_KEY,
  HAS_REPLY_TO,
  HAS_TIMING,
  HoldfastError,
  LIMITS,
} from "holdfast-client/protocol";
import { isHeaderName } from "../message.js";
import { replyToName } from "../options.js";
import { validate } from "../validate.js";

const HEADER_BYTES = 8;
const PRESENT_AT = 5;
const ID_BYTES_AT = 7;

/** What of records is checked elsewhere. */
export interface RecordChecks {
  /** A field that is not looked at here: `HAS_EXCEPT` of an emit. */
  readonly unchecked?: number;
  /** Called with the queue that an answer is to go to. */
  readonly onReplyTo?: (queue: string) => void;
}

const NO_CHECKS: RecordChecks = {};

/**
 * Checks records that a client packed, whose bounds are known to be right: lengths within the limits, an id, no history
 * of its own making. Fails with `BAD_REQUEST` or `TOO_LARGE`. Reads in place: it runs for every message.
 *
 * @throws what `onReplyTo` throws
 */
export function checkRecordLimits(records: Uint8Array, bodyBytesMax: number, checks: RecordChecks = NO_CHECKS): void {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let start = 0; start < records.length; ) {
    const size = view.getUint32(start, true);
    const present = view.getUint8(start + PRESENT_AT);
    const idBytes = view.getUint8(start + ID_BYTES_AT);
    if (size > bodyBytesMax) throw new HoldfastError("TOO_LARGE", `a message takes ${size} bytes, at most ${bodyBytesMax} are allowed`);
    if (idBytes === 0 || idBytes > LIMITS.idBytesMax) throw tooLong("id", idBytes, LIMITS.idBytesMax);
    if (present !== 0) checkFields(records, view, start + HEADER_BYTES + idBytes, present, checks);
    start += size;
  }
}

function checkFields(records: Uint8Array, view: DataView, fieldsAt: number, present: number, checks: RecordChecks): void {
  const { unchecked = 0, onReplyTo } = checks;
  if ((present & ~unchecked & HAS_HISTORY) !== 0)
    throw new HoldfastError("BAD_REQUEST", "a message has a history, which only the server writes");
  let at = fieldsAt;
  for (let bits = present; bits !== 0; bits &= bits - 1) {
    const bit = bits & -bits;
    const bytes = view.getUint16(at, true);
    const bytesMax = bit === HAS_CORRELATION_ID ? LIMITS.idBytesMax : LIMITS.keyBytesMax;
    if (bit === unchecked) {
      at += 2 + bytes;
      continue;
    }
    if (bit === HAS_TIMING) checkTiming(records, at + 2, bytes);
    else if (bit === HAS_HEADERS) checkHeaders(records, at + 2, bytes);
    else if (bytes === 0 || bytes > bytesMax) throw tooLong(fieldName(bit), bytes, bytesMax);
    else if (bit === HAS_REPLY_TO) {
      const queue = validate(replyToName, new ByteReader(records, at + 2, at + 2 + bytes).text(bytes), "replyTo");
      onReplyTo?.(queue);
    }
    at += 2 + bytes;
  }
}

/** A delay, and a time to live or not. */
function checkTiming(records: Uint8Array, at: number, bytes: number): void {
  if (bytes !== 6 && bytes !== 12) throw new HoldfastError("BAD_REQUEST", `timing has ${bytes} bytes, expected 6 or 12`);
  const field = new ByteReader(records, at, at + bytes);
  checkMs("delayMs", field.u48(), LIMITS.delayMsMax);
  if (bytes === 12) checkMs("ttlMs", field.u48(), LIMITS.ttlMsMax);
}

function checkMs(field: string, ms: number, msMax: number): void {
  if (ms > msMax) throw new HoldfastError("BAD_REQUEST", `${field} is ${ms}, expected 0 to ${msMax}`);
}

const fieldName = (bit: number): string =>
  bit === HAS_EVENT ? "event" : bit === HAS_KEY ? "key" : bit === HAS_REPLY_TO ? "replyTo" : "correlationId";

const tooLong = (field: string, bytes: number, bytesMax: number): HoldfastError =>
  new HoldfastError("BAD_REQUEST", `${field} has ${bytes} bytes, expected 1 to ${bytesMax}`);

/** Headers are few; whoever reads the message later relies on them being texts. */
function checkHeaders(records: Uint8Array, at: number, bytes: number): void {
  if (bytes > LIMITS.headersBytesMax) {
    throw new HoldfastError("TOO_LARGE", `headers take ${bytes} bytes, at most ${LIMITS.headersBytesMax} are allowed`);
  }
  if (!areHeaders(parsed(new ByteReader(records, at, at + bytes).text(bytes)))) {
    throw new HoldfastError("BAD_REQUEST", "headers are not a JSON object of strings, none of them named __proto__");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const areHeaders = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.entries(value).every(([name, item]) => isHeaderName(name) && typeof item === "string");
