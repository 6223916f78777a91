import { HoldfastError, LIMITS, type ReceiptRun } from "holdfast-client/protocol";
import type { Broker } from "./broker.js";
import type { AppendRequest } from "./engine.js";
import { type NewMessage, packMessages } from "./message.js";
import { preview } from "./validate.js";

/** "Stored": it survives a crash. */
export interface Receipt {
  readonly id: string;
  /** Position in the queue, rising by at least 1. */
  readonly sequence: number;
  /** The id was published before; this is the first receipt again. */
  readonly duplicate: boolean;
}

/** A message and the queue it is for. */
export interface QueuedMessage extends NewMessage {
  readonly queue: string;
}

/** The messages of one queue within a request: where each stood, and its id. */
interface Part {
  readonly request: AppendRequest;
  readonly positions: readonly number[];
  readonly ids: readonly string[];
}

/** Publishes one message. */
export async function publishOne(broker: Broker, namespace: string, message: QueuedMessage, bodyBytesMax: number): Promise<Receipt> {
  const ids: string[] = [];
  const records = packMessages([message], ids, bodyBytesMax);
  const [runs] = await broker.publish([{ namespace, queue: message.queue, count: 1, records }], false);
  const [run] = runs ?? [];
  if (run === undefined) throw new HoldfastError("UNKNOWN", "the engine gave no receipt");
  return receiptOf(run, 0, ids[0] ?? "");
}

/** Publishes what a handler answers; unlike other publishes also while handlers finish. */
export async function publishAnswer(broker: Broker, namespace: string, message: QueuedMessage, bodyBytesMax: number): Promise<Receipt> {
  const ids: string[] = [];
  const records = packMessages([message], ids, bodyBytesMax);
  const [run] = await broker.answer({ namespace, queue: message.queue, count: 1, records });
  if (run === undefined) throw new HoldfastError("UNKNOWN", "the engine gave no receipt");
  return receiptOf(run, 0, ids[0] ?? "");
}

/** `BAD_REQUEST` unless it is an array of objects, as messages are. */
export function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw new HoldfastError("BAD_REQUEST", `messages is ${preview(messages)}, expected an array`);
  const at = messages.findIndex((message) => typeof message !== "object" || message === null);
  if (at !== -1) throw new HoldfastError("BAD_REQUEST", `messages.${at} is ${preview(messages[at])}, expected an object`);
}

/** Publishes messages to one or several queues in one commit: all or none. The receipts are in the order of the messages. */
export async function publishAll(
  broker: Broker,
  namespace: string,
  messages: readonly QueuedMessage[],
  bodyBytesMax: number,
): Promise<Receipt[]> {
  if (messages.length > LIMITS.arrayMessagesMax) {
    throw new HoldfastError("TOO_LARGE", `messages has ${messages.length} items, at most ${LIMITS.arrayMessagesMax} are allowed`);
  }
  if (messages.length === 0) return [];
  const parts = partsOf(namespace, messages, bodyBytesMax);
  const bytes = parts.reduce((sum, { request }) => sum + request.records.length, 0);
  if (bytes > LIMITS.arrayBytesMax) {
    throw new HoldfastError("TOO_LARGE", `the messages take ${bytes} bytes, at most ${LIMITS.arrayBytesMax} are allowed`);
  }
  const fates = await broker.publish(
    parts.map(({ request }) => request),
    true,
  );
  const receipts: Receipt[] = [];
  for (const [index, part] of parts.entries()) placeReceipts(part, fates[index] ?? [], receipts);
  return receipts;
}

function partsOf(namespace: string, messages: readonly QueuedMessage[], bodyBytesMax: number): Part[] {
  const positionsByQueue = new Map<string, number[]>();
  for (const [position, { queue }] of messages.entries()) {
    const positions = positionsByQueue.get(queue);
    if (positions === undefined) positionsByQueue.set(queue, [position]);
    else positions.push(position);
  }
  return [...positionsByQueue].map(([queue, positions]) => {
    const ids: string[] = [];
    const own = positions.flatMap((position) => messages[position] ?? []);
    const records = packMessages(own, ids, bodyBytesMax);
    return { request: { namespace, queue, count: positions.length, records }, positions, ids };
  });
}

function placeReceipts({ positions, ids }: Part, runs: readonly ReceiptRun[], receipts: Receipt[]): void {
  let at = 0;
  for (const run of runs) {
    for (let index = 0; index < run.count; index++, at++) receipts[positions[at] ?? 0] = receiptOf(run, index, ids[at] ?? "");
  }
}

function receiptOf(run: ReceiptRun, index: number, id: string): Receipt {
  if (run.error !== undefined) throw HoldfastError.from(run.error);
  return { id, sequence: run.sequence + index, duplicate: run.duplicate };
}
