import { type PackedBody, packBody } from "./body.js";
import { asJson, checkName, checkOptions, checkSize, checkWhole, HALF, refusal } from "./check.js";
import { encoder } from "./encoder.js";
import { type ErrorCode, HoldfastError } from "./errors.js";
import * as LIMITS from "./limits.js";
import { sizeOf } from "./packed.js";
import { type Headers, traitsOf } from "./record.js";
import { type PackedTiming, packTiming } from "./timing.js";

/** "Stored": what a publish resolves to. */
export interface Receipt {
  readonly id: string;
  /** The message's position in its queue. */
  readonly sequence: number;
  /** The message was stored before; this is its first receipt. */
  readonly duplicate: boolean;
}

/** What may accompany a body. */
export interface MessageOptions {
  /** Ordering key: up to 256 bytes. */
  readonly key?: string | undefined;
  /** Name of what happened: up to 256 bytes. */
  readonly event?: string | undefined;
  /** Text pairs beside the body: up to 8,192 bytes of JSON. */
  readonly headers?: Headers | undefined;
  /** Your own id, up to 128 bytes: within the queue's dedup window it is stored once, whoever publishes it. */
  readonly id?: string | undefined;
  /** The queue where an answer is expected; `Queue.request` gives one by itself. */
  readonly replyTo?: string | undefined;
  /** Names the request; its answer has the same. Up to 128 bytes. */
  readonly correlationId?: string | undefined;
  /** 0 (default) to 9, below the queue's `priorities`: higher is handed out first. Only where `ordering` is `none`. */
  readonly priority?: number | undefined;
  /** Not delivered before this time after it is stored: 0 to 31,536,000,000. Not with `notBefore`. */
  readonly delayMs?: number | undefined;
  /** Not delivered before this time, a Date or milliseconds since 1970, at most a year away; sent as `delayMs` from now. */
  readonly notBefore?: Date | number | undefined;
  /**
   * Not delivered once this time after it was stored is over: 0 (for ever) to 31,536,000,000. Default: the queue's
   * `ttlMs`. An expired message goes to the dead letters, or is counted where there are none.
   */
  readonly ttlMs?: number | undefined;
}

/** What may accompany the body of a request, and how long its answer is waited for. */
export interface RequestOptions extends Omit<MessageOptions, "replyTo" | "correlationId"> {
  /** Gives the answer up. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, from 1; 0 waits for ever. Default 30,000. */
  readonly timeoutMs?: number | undefined;
}

/** How long a publish is waited for. Neither takes back a message that was sent. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, from 1; 0 waits for ever. Default: the client's `publishTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export interface Message<Body = unknown> extends MessageOptions {
  readonly body: Body;
}

type Resolve = (receipt: Receipt) => void;
type Reject = (error: HoldfastError) => void;

/** A message in the outbox: it waits, is open from its first sending on, and is done once its fate is known. */
export class Pending {
  /** Its producer number; 0 until it is first sent. */
  number = 0;
  done = false;
  id: string;
  /** What the record says besides: the id's origin and the priority. */
  readonly traits: number;
  /** Event, key, headers, replyTo and correlationId; of an emit also who is excepted, as JSON. */
  readonly texts: readonly (string | undefined)[];
  readonly body: PackedBody;
  /** When it may be delivered; undefined when that is at once and for ever. */
  readonly timing: PackedTiming | undefined;
  /** About what it takes in memory and on the wire. */
  bytes: number;
  /** How many messages it stands for. */
  messages = 1;
  /** How many of an array, stored all or none, begin here; 0 for a single message. */
  array = 0;
  /** Instead of being sent as a record it is told when its turn has come: everything before it in this queue is done. */
  onTurn: ((queue: string) => void) | undefined = undefined;
  /** Called once it is done or taken out. */
  onDone: (() => void) | undefined = undefined;

  /** `BAD_REQUEST` when the server would not take it either; what is too large for it is found when it is sent. */
  constructor(
    body: unknown,
    options: MessageOptions | undefined,
    readonly resolve: Resolve,
    readonly reject: Reject,
    except?: string,
  ) {
    this.body = packBody(body);
    this.id = options?.id ?? "";
    this.traits = traitsOf(options?.id !== undefined, options?.priority ?? 0);
    this.texts = options === undefined ? NONE : packOptions(options, except);
    this.timing = options && packTiming(options);
    this.bytes = RECORD_BYTES + sizeOf(this.body);
    for (const text of this.texts) if (text !== undefined) this.bytes += text.length;
  }

  /** Why it was given up: with `code`, for good, when it was never sent; else nobody knows what became of it. */
  failure(code: ErrorCode, why: string): HoldfastError {
    return this.number === 0
      ? new HoldfastError(code, `publish was not sent: ${why}`, false)
      : new HoldfastError("UNKNOWN", `no reply to publish: ${why}`);
  }

  /** Rejects with its failure. */
  fail(code: ErrorCode, why: string): void {
    this.reject(this.failure(code, why));
  }
}

/** The fixed part of a record with an id of ours. */
const RECORD_BYTES = 48;
const NONE: readonly string[] = [];

function packOptions(options: MessageOptions, except: string | undefined): (string | undefined)[] {
  checkOptions(options);
  const { id, key, event, headers, replyTo, correlationId, priority } = options;
  checkWhole("priority", priority, 0, LIMITS.priorityMax);
  checkText("id", id, LIMITS.idBytesMax);
  checkText("key", key, LIMITS.keyBytesMax);
  checkText("event", event, LIMITS.eventBytesMax);
  checkText("correlationId", correlationId, LIMITS.idBytesMax);
  if (replyTo !== undefined) checkName("replyTo", replyTo);
  return [event, key, headers === undefined ? headers : packHeaders(headers), replyTo, correlationId, except];
}

/** JSON of texts by name. None is called `__proto__`: its value would become the prototype of what it is read into. */
const HEADERS_PATTERN = /^\{("(?!__proto__":)(\\.|[^"\\])*"[:,]?)*\}$/;

/** As the server looks at them, which refuses every message of a section for the headers of one. */
function packHeaders(headers: unknown): string {
  const packed = asJson("headers", () => String(JSON.stringify(headers)));
  if (!isText(packed, LIMITS.headersBytesMax)) {
    throw new HoldfastError("TOO_LARGE", `headers have ${packed.length} bytes, expected up to ${LIMITS.headersBytesMax}`);
  }
  if (!HEADERS_PATTERN.test(packed)) throw refusal("headers", headers, "texts by name");
  return packed;
}

function checkText(name: string, text: unknown, bytesMax: number): void {
  if (text !== undefined && !isText(text, bytesMax)) throw refusal(name, text, `1 to ${bytesMax} UTF-8 bytes`);
}

/** Whether it is a text, not empty, of so many bytes at most. */
export const isText = (text: unknown, bytesMax: number): boolean =>
  typeof text === "string" && text !== "" && (text.length * 3 <= bytesMax || encoder.encode(text).length <= bytesMax) && !HALF.test(text);

/** `TOO_LARGE` unless the messages may be stored all or none; returns their bytes. */
export function checkArray(entries: readonly Pending[]): number {
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  checkSize("TOO_LARGE", entries.length, bytes, LIMITS.arrayMessagesMax, LIMITS.arrayBytesMax);
  return bytes;
}
