import { ByteWriter, type DeadLetterHistory, DIED_EVENT, RecordView, writeRecord } from "holdfast-client/protocol";

/** What a requester is told when the message of its request died. */
export interface DiedAnswer {
  readonly replyTo: string;
  readonly record: Uint8Array;
}

/** The answer to a message that dies; undefined when nobody asked for one. */
export function diedAnswer(
  record: Uint8Array,
  { sequence, reason, error }: Pick<DeadLetterHistory, "sequence" | "reason" | "error">,
): DiedAnswer | undefined {
  const view = new RecordView(record, 0, record.length);
  const { replyTo } = view;
  // Most messages are no requests, and their texts are not worth reading for nothing.
  if (replyTo === undefined) return undefined;
  const { id, correlationId } = view;
  const writer = new ByteWriter();
  writeRecord(writer, { id: `died-${sequence}`, event: DIED_EVENT, correlationId }, { id, reason, error });
  return { replyTo, record: writer.take() };
}
