import { ByteWriter, RecordView, writeRecord } from "holdfast-client/protocol";
import type { DeathReason } from "./history.js";

/** What a message says, as its sender keeps it. */
export interface Content {
  readonly id: string;
  readonly chosenId: boolean;
  /** What distinguishes its body; the body is this, filled up to `bodyBytes`. */
  readonly text: string;
  readonly bodyBytes: number;
  readonly event?: string;
  readonly key?: string;
  readonly priority?: number;
  readonly delayMs?: number;
  readonly ttlMs?: number;
  /** The queue in which its sender waits for answers; they have the message's id. */
  readonly replyTo?: string;
}

/** A message for a queue, kept so that it can be sent again. */
export interface Letter extends Content {
  readonly queue: string;
}

/** Times to live of messages that have one. */
export const TTLS_MS: readonly [number, ...number[]] = [1, 50, 400, 3_000, 20_000];

const FILLER = ".";

/** What a history says instead of a body. */
export const digestOf = ({ text, bodyBytes }: Pick<Content, "text" | "bodyBytes">): string => `${text}*${bodyBytes}`;

const writer = new ByteWriter();

export function packLetters(letters: readonly Content[]): Uint8Array {
  for (const { id, chosenId, text, bodyBytes, event, key, priority, delayMs, ttlMs, replyTo } of letters) {
    const asked = replyTo === undefined ? {} : { replyTo, correlationId: id };
    writeRecord(writer, { id, chosenId, event, key, priority, delayMs, ttlMs, ...asked }, text.padEnd(bodyBytes, FILLER));
  }
  return writer.take();
}

/** A message as it arrived. */
export interface Arrived {
  readonly id: string;
  readonly body: string;
  readonly event?: string;
  readonly key?: string;
  /** Why it is dead. */
  readonly reason?: DeathReason;
}

export function readRecord(bytes: Uint8Array, start: number, end: number): Arrived {
  const { id, event, key, history, ...record } = fieldsOf(new RecordView(bytes, start, end));
  const body = String(record.body);
  const text = body.slice(0, body.indexOf(FILLER) === -1 ? undefined : body.indexOf(FILLER));
  const whole = text.padEnd(body.length, FILLER) === body;
  return {
    id,
    body: whole ? digestOf({ text, bodyBytes: body.length }) : body,
    ...(event === undefined ? {} : { event }),
    ...(key === undefined ? {} : { key }),
    ...(history === undefined ? {} : { reason: (history as Required<Pick<Arrived, "reason">>).reason }),
  };
}

const fieldsOf = (view: RecordView): { id: string; event?: string; key?: string; history: unknown; body: unknown } => {
  const { id, event, key, history } = view;
  return { id, history, body: view.body(), ...(event === undefined ? {} : { event }), ...(key === undefined ? {} : { key }) };
};
