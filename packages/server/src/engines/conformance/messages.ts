import {
  ByteWriter,
  type ErrorCode,
  type ReceiptRun,
  type RecordFields,
  RecordView,
  type SettledRun,
  writeRecord,
} from "holdfast-client/protocol";
import type { Leased, Peeked } from "../../engine.js";

/** A message to publish. An `id` given here counts as chosen by the application. */
interface Draft extends Partial<RecordFields> {
  readonly body: unknown;
}

/** Text and numbers are short for a message with that body. */
export type Publishable = Draft | string | number;

let written = 0;

/** Packs messages as a publisher does. */
export function pack(drafts: readonly Publishable[]): { count: number; records: Uint8Array } {
  const writer = new ByteWriter();
  for (const draft of drafts) {
    const { body, ...fields } = typeof draft === "object" ? draft : { body: draft };
    writeRecord(writer, { id: `generated-${++written}`, chosenId: "id" in fields, ...fields }, body);
  }
  return { count: drafts.length, records: writer.take() };
}

/** The fate of one published message; with `error` the other fields say nothing. */
export interface Fate {
  readonly sequence: number;
  readonly duplicate: boolean;
  readonly error?: ErrorCode;
}

/** One fate for each message of the runs. */
export function fatesOf(runs: readonly ReceiptRun[]): Fate[] {
  const fates: Fate[] = [];
  for (const { count, sequence, duplicate, error } of runs) {
    for (let index = 0; index < count; index++) {
      fates.push(error === undefined ? { sequence: sequence + index, duplicate } : { sequence: 0, duplicate: false, error: error.code });
    }
  }
  return fates;
}

/** What became of one settlement. */
export type Outcome = "ok" | ErrorCode;

/** One outcome for each settlement of the runs. */
export const outcomesOf = (runs: readonly SettledRun[]): Outcome[] =>
  runs.flatMap(({ count, error }) => new Array<Outcome>(count).fill(error?.code ?? "ok"));

/** What the record of a message says. */
export interface Content {
  readonly id: string;
  readonly chosenId: boolean;
  readonly body: unknown;
  readonly bodyBytes: Uint8Array;
  readonly event: string | undefined;
  readonly key: string | undefined;
  readonly headers: unknown;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  readonly priority: number;
  /** Where a dead letter comes from. */
  readonly history: unknown;
  readonly delayMs: number;
}

function contentOf(bytes: Uint8Array, start: number, end: number): Content {
  const copy = Uint8Array.from(bytes.subarray(start, end));
  const view = new RecordView(copy, 0, copy.length);
  const { id, chosenId, bodyBytes, event, key, headers, replyTo, correlationId, priority, history } = view;
  return {
    id,
    chosenId,
    delayMs: view.timing?.delayMs ?? 0,
    body: view.body(),
    bodyBytes,
    event,
    key,
    headers,
    replyTo,
    correlationId,
    priority,
    history,
  };
}

/** A leased message, read in time. */
export interface Delivery extends Content {
  readonly lease: number;
  readonly sequence: number;
  readonly attempt: number;
  readonly publishedAt: number;
  readonly leaseUntil: number;
}

/** Reads leased messages; to be called in the turn that gave them. */
export const readLeased = (leased: readonly Leased[]): Delivery[] =>
  leased.map(({ lease, sequence, attempt, publishedAt, leaseUntil, bytes, start, end }) => ({
    lease,
    sequence,
    attempt,
    publishedAt,
    leaseUntil,
    ...contentOf(bytes, start, end),
  }));

/** A message as `peek` shows it, read. */
export interface Seen extends Content {
  readonly sequence: number;
  readonly attempts: number;
  readonly state: Peeked["state"];
  readonly publishedAt: number;
  readonly bytes: number;
}

export const readPeeked = (items: readonly Peeked[]): Seen[] =>
  items.map(({ sequence, attempts, state, publishedAt, record }) => ({
    sequence,
    attempts,
    state,
    publishedAt,
    bytes: record.length,
    ...contentOf(record, 0, record.length),
  }));

/** What messages say. */
export const bodiesOf = (messages: readonly { readonly body: unknown }[]): unknown[] => messages.map(({ body }) => body);

/** What became of publishes. */
export const codesOf = (fates: readonly Fate[]): string[] => fates.map(({ error }) => error ?? "stored");

/** So many whole numbers, from that one on. */
export const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);
