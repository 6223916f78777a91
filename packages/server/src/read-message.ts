import { DEPTH_MAX, type Headers, HoldfastError, RecordView } from "holdfast-client/protocol";
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
  /** Of a dead letter: where it came from and why it is here. */
  readonly history?: unknown;
}

/** A message as `peek` gives it. `invalid` says why its body, then null, could not be read. */
export interface PeekedMessage extends MessageContent {
  readonly sequence: number;
  readonly attempts: number;
  readonly state: Peeked["state"];
  readonly publishedAt: number;
  readonly invalid?: string;
}

/** Reads a record. Its publisher packed it, so it may hold what is no JSON, or too deep: `BAD_REQUEST`. */
export function readMessage(bytes: Uint8Array, start: number, end: number): MessageContent {
  const view = new RecordView(bytes, start, end);
  try {
    const body = view.body();
    if (isDeeper(body, 0)) throw new HoldfastError("BAD_REQUEST", `body is nested deeper than ${DEPTH_MAX}`);
    return { ...fieldsOf(view), body };
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("BAD_REQUEST", `the message cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function readPeeked({ record, sequence, attempts, state, publishedAt }: Peeked): PeekedMessage {
  const place = { sequence, attempts, state, publishedAt };
  try {
    return { ...readMessage(record, 0, record.length), ...place };
  } catch (error) {
    const { id } = new RecordView(record, 0, record.length);
    return { id, body: null, ...place, invalid: error instanceof Error ? error.message : String(error) };
  }
}

function fieldsOf(view: RecordView): Omit<MessageContent, "body"> {
  const { id, event, key, headers, replyTo, correlationId, history } = view;
  return {
    id,
    ...(event === undefined ? undefined : { event }),
    ...(key === undefined ? undefined : { key }),
    ...(headers === undefined ? undefined : { headers }),
    ...(replyTo === undefined ? undefined : { replyTo }),
    ...(correlationId === undefined ? undefined : { correlationId }),
    ...(history === undefined ? undefined : { history: JSON.parse(history) as unknown }),
  };
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  if (depth === DEPTH_MAX) return true;
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value);
  return items.some((item) => isDeeper(item, depth + 1));
}
