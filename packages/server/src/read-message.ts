import { BUFFERS_MAX, type DeadLetterHistory, DEPTH_MAX, type Headers, HoldfastError, RecordView } from "holdfast-client/protocol";
import type { Peeked } from "./engine.js";

/** What a message says, read out of its record. Fields that it does not have are absent. */
export interface MessageContent {
  readonly id: string;
  readonly body: unknown;
  readonly event?: string;
  readonly key?: string;
  readonly headers?: Headers;
  readonly replyTo?: string;
  readonly correlationId?: string;
  /** Absent when it is 0. */
  readonly priority?: number;
  /** Of a dead letter: where it came from and why it is here. */
  readonly history?: DeadLetterHistory;
}

/** A message as `peek` gives it. `invalid` says why its body, then null, could not be read. */
export interface PeekedMessage extends MessageContent {
  readonly sequence: number;
  readonly attempts: number;
  readonly state: Peeked["state"];
  readonly publishedAt: number;
  readonly invalid?: string;
}

/** Reads a record. Its publisher packed it, so its body may be none that a Socket.IO event can carry: `BAD_REQUEST`. */
export function readMessage(bytes: Uint8Array, start: number, end: number): MessageContent {
  const view = new RecordView(bytes, start, end);
  const { body, contents } = readBody(view);
  if (contents.placeholder && contents.buffers > 0) throw new HoldfastError("BAD_REQUEST", PLACEHOLDER);
  return contentOf(view, body);
}

/** A message without its body, and why the body cannot be read. */
export function readUnreadable(
  bytes: Uint8Array,
  start: number,
  end: number,
  error: unknown,
): MessageContent & { readonly invalid: string } {
  const invalid = error instanceof Error ? error.message : String(error);
  return Object.assign(contentOf(new RecordView(bytes, start, end), null), { invalid });
}

/** Reads what `peek` found. Many messages share its reply, so also a placeholder without a buffer of its own is unreadable. */
export function readPeeked({ record, sequence, attempts, state, publishedAt }: Peeked): { item: PeekedMessage; buffers: number } {
  const { content, buffers } = readShared(record);
  return { item: { ...content, sequence, attempts, state, publishedAt }, buffers };
}

/** Reads a record for a reply that it shares with others. */
export function readShared(record: Uint8Array): { content: MessageContent & { readonly invalid?: string }; buffers: number } {
  try {
    const view = new RecordView(record, 0, record.length);
    const { body, contents } = readBody(view);
    if (contents.placeholder) throw new HoldfastError("BAD_REQUEST", PLACEHOLDER);
    return { content: contentOf(view, body), buffers: contents.buffers };
  } catch (error) {
    return { content: readUnreadable(record, 0, record.length, error), buffers: 0 };
  }
}

const PLACEHOLDER = "body holds a `_placeholder`, which Socket.IO takes for a buffer";

/** A record's body, and what of it matters to Socket.IO; `BAD_REQUEST` when it cannot be read or is nested too deep. */
export function readBody(view: RecordView): { body: unknown; contents: Contents } {
  const contents: Contents = { buffers: 0, placeholder: false };
  try {
    const body = view.body();
    lookInto(body, 0, contents);
    return { body, contents };
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("BAD_REQUEST", `the message cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Assigned one by one: to spread what is there costs some microseconds of every message that is delivered. */
function contentOf(view: RecordView, body: unknown): MessageContent {
  const { id, event, key, headers, replyTo, correlationId, priority, history } = view;
  const content: { -readonly [Field in keyof MessageContent]: MessageContent[Field] } = { id, body };
  if (event !== undefined) content.event = event;
  if (key !== undefined) content.key = key;
  if (headers !== undefined) content.headers = headers;
  if (replyTo !== undefined) content.replyTo = replyTo;
  if (correlationId !== undefined) content.correlationId = correlationId;
  if (priority !== 0) content.priority = priority;
  if (history !== undefined) content.history = history;
  return content;
}

/** What of a body matters to Socket.IO. */
interface Contents {
  buffers: number;
  placeholder: boolean;
}

function lookInto(value: unknown, depth: number, contents: Contents): void {
  if (typeof value !== "object" || value === null) return;
  if (ArrayBuffer.isView(value)) {
    if (++contents.buffers > BUFFERS_MAX) throw new HoldfastError("BAD_REQUEST", `body holds more than ${BUFFERS_MAX} buffers`);
    return;
  }
  if (depth === DEPTH_MAX) throw new HoldfastError("BAD_REQUEST", `body is nested deeper than ${DEPTH_MAX}`);
  if ("_placeholder" in value && value._placeholder === true) contents.placeholder = true;
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (const item of items) lookInto(item, depth + 1, contents);
}
