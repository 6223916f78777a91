import { HoldfastError } from "./errors.js";
import { LIMITS } from "./limits.js";
import { type Headers, type PackedBody, packBody } from "./record.js";

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
  readonly chosenId: boolean;
  readonly key: string | undefined;
  readonly event: string | undefined;
  readonly headers: Headers | undefined;
  readonly body: PackedBody;
  /** About what it takes in memory and on the wire. */
  readonly bytes: number;
  /** Messages of the all-or-none array that begins here; 0 for any other. */
  array = 0;

  /** `BAD_REQUEST` or `TOO_LARGE` when the server would not take it either. */
  constructor(
    body: unknown,
    options: MessageOptions | undefined,
    readonly resolve: Resolve,
    readonly reject: Reject,
  ) {
    this.body = packBody(body);
    this.id = options?.id ?? "";
    this.chosenId = options?.id !== undefined;
    this.key = options?.key;
    this.event = options?.event;
    this.headers = options?.headers;
    const bodyBytes = typeof this.body === "string" ? textBytes(this.body, LIMITS.bodyBytesMax) : this.body.bytes.length;
    if (bodyBytes > LIMITS.bodyBytesMax) {
      throw new HoldfastError("TOO_LARGE", `body is ${bodyBytes} bytes, expected at most ${LIMITS.bodyBytesMax}`);
    }
    this.bytes = RECORD_BYTES + bodyBytes + (options === undefined ? 0 : checkOptions(options));
  }
}

/** The fixed part of a record with an id of ours. */
const RECORD_BYTES = 48;

function checkOptions({ id, key, event, headers }: MessageOptions): number {
  return (
    checkText("id", id, LIMITS.idBytesMax) +
    checkText("key", key, LIMITS.keyBytesMax) +
    checkText("event", event, LIMITS.eventBytesMax) +
    checkText("headers", headers && JSON.stringify(headers), LIMITS.headersBytesMax)
  );
}

function checkText(name: string, text: string | undefined, bytesMax: number): number {
  if (text === undefined) return 0;
  const bytes = typeof text === "string" ? textBytes(text, bytesMax) : 0;
  if (bytes > 0 && bytes <= bytesMax) return bytes;
  throw new HoldfastError("BAD_REQUEST", `${name} is ${typeof text} of ${bytes} bytes, expected text of 1 to ${bytesMax}`);
}

const encoder = new TextEncoder();

/** Bytes of a text as UTF-8; counted exactly only when they may exceed `bytesMax`. */
const textBytes = (text: string, bytesMax: number): number => (text.length * 3 <= bytesMax ? text.length : encoder.encode(text).length);
