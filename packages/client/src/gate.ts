import type { PackedBody } from "./body.js";
import type { HoldfastError } from "./errors.js";
import { checkArray, type Message, Pending, type Receipt } from "./message.js";

/** A message and the queue it is for. */
export interface AddressedMessage<Body = unknown> extends Message<Body> {
  readonly queue: string;
}

const ignore = (): void => {};

/**
 * Messages of several queues that are stored all or none.
 *
 * It stands in the lane of each of its queues, where nothing passes it, and opens once it is the first of all of them:
 * so it keeps the order of its publisher in every queue.
 */
export class Gate extends Pending {
  /** Those where its turn has not come. */
  readonly queues: Set<string>;
  /** What `holdfast:publish` takes; the ids stay the same when it is sent again. */
  readonly payload: { readonly messages: readonly object[] };

  constructor(
    messages: readonly AddressedMessage[],
    idPrefix: string,
    onOpen: (gate: Gate) => void,
    readonly resolveAll: (receipts: Receipt[]) => void,
    reject: (error: HoldfastError) => void,
  ) {
    super(null, undefined, ignore, reject);
    const entries = messages.map((message) => new Pending(message.body, message, ignore, ignore));
    this.bytes = checkArray(entries);
    this.messages = entries.length;
    this.array = 1;
    this.queues = new Set(messages.map(({ queue }) => queue));
    this.payload = {
      messages: messages.map((message, index) => ({
        ...message,
        body: snapshot(message.body, entries[index]?.body),
        id: message.id ?? `${idPrefix}-${index}`,
      })),
    };
    this.onTurn = (queue) => {
      if (this.queues.delete(queue) && this.queues.size === 0) onOpen(this);
    };
  }
}

/** The body as it is now, whatever its owner does to it before it is sent. */
export const snapshot = (body: unknown, packed: PackedBody | undefined): unknown =>
  typeof packed === "string" ? JSON.parse(packed) : structuredClone(body);
