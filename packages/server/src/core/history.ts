import { HAS_HISTORY, RecordView } from "holdfast-client/protocol";

/** Why a message is dead. */
export type DeadReason = "rejected" | "attempts" | "skipped" | "overflow" | "expired";

/** What a dead letter tells of itself. */
export interface History {
  readonly namespace: string;
  readonly queue: string;
  readonly sequence: number;
  readonly reason: DeadReason;
  /** What the consumer said. */
  readonly error?: string | undefined;
  readonly attempts: number;
  readonly publishedAt: number;
  readonly deadAt: number;
}

/** What a dead letter tells of itself; undefined for a message that is none. */
export function historyOf(record: Uint8Array): History | undefined {
  const { history } = new RecordView(record, 0, record.length);
  return history === undefined ? undefined : (JSON.parse(history) as History);
}

/** A copy of a record as it was before it died. */
export function withoutHistory(record: Uint8Array): Buffer {
  const view = new RecordView(record, 0, record.length);
  const { start, end } = view.fieldAt(HAS_HISTORY);
  const copy = Buffer.concat([record.subarray(0, start), record.subarray(end)]);
  copy.writeUInt32LE(copy.length, 0);
  copy[5] = (copy[5] ?? 0) & ~HAS_HISTORY;
  return copy;
}

/** A copy of a record with its history; the body's bytes stay what they are. */
export function withHistory(record: Uint8Array, history: History): Buffer {
  const { start, end } = new RecordView(record, 0, record.length).fieldAt(HAS_HISTORY);
  const text = JSON.stringify(history);
  const textBytes = Buffer.byteLength(text);
  const rest = record.subarray(end);
  const copy = Buffer.allocUnsafe(start + 2 + textBytes + rest.length);
  copy.set(record.subarray(0, start));
  copy.writeUInt16LE(textBytes, start);
  copy.write(text, start + 2, "utf8");
  copy.set(rest, start + 2 + textBytes);
  copy.writeUInt32LE(copy.length, 0);
  copy[5] = (copy[5] ?? 0) | HAS_HISTORY;
  return copy;
}
