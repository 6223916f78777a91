import { type DeadLetterHistory, type DeadReason, HAS_HISTORY, RecordView } from "holdfast-client/protocol";

/** What a dead letter tells of itself; undefined for a message that is none. */
export function historyOf(record: Uint8Array): DeadLetterHistory | undefined {
  return new RecordView(record, 0, record.length).history;
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

/** What tells one death in a queue from another. */
export interface Death {
  readonly reason: DeadReason;
  readonly error: string | undefined;
  readonly attempts: number;
  readonly sequence: number;
  readonly publishedAt: number;
}

/** Where messages die: the part of a history that is the same for all of a queue. */
export const originText = (namespace: string, queue: string): string =>
  `{"namespace":${JSON.stringify(namespace)},"queue":${JSON.stringify(queue)},`;

/** The JSON of a `DeadLetterHistory`, put together by hand: a storm of dead letters makes one for each. */
function textOf(origin: string, { reason, error, attempts, sequence, publishedAt }: Death, deadAt: number): string {
  const said = error === undefined ? "" : `"error":${JSON.stringify(error)},`;
  return `${origin}"reason":"${reason}",${said}"attempts":${attempts},"sequence":${sequence},"publishedAt":${publishedAt},"deadAt":${deadAt}}`;
}

/** Bytes of UTF-8 that one character of a text may need. */
const CHARACTER_BYTES_MAX = 3;
let scratch = Buffer.allocUnsafeSlow(4_096);

/**
 * A copy of a record with its history; the body's bytes stay what they are.
 *
 * @param origin the queue's `originText`
 */
export function withHistory(record: Uint8Array, origin: string, death: Death, deadAt: number): Buffer {
  const { start, end } = new RecordView(record, 0, record.length).fieldAt(HAS_HISTORY);
  const text = textOf(origin, death, deadAt);
  if (text.length * CHARACTER_BYTES_MAX > scratch.length) scratch = Buffer.allocUnsafeSlow(text.length * CHARACTER_BYTES_MAX);
  const textBytes = scratch.write(text, 0, "utf8");
  const restAt = start + 2 + textBytes;
  const copy = Buffer.allocUnsafe(restAt + record.length - end);
  // It is short, so a view of it would cost more than its bytes.
  for (let at = 0; at < start; at++) copy[at] = record[at] ?? 0;
  copy.writeUInt16LE(textBytes, start);
  scratch.copy(copy, start + 2, 0, textBytes);
  copy.set(record.subarray(end), restAt);
  copy.writeUInt32LE(copy.length, 0);
  copy[5] = (copy[5] ?? 0) | HAS_HISTORY;
  return copy;
}
