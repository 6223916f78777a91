import { checkSize } from "./check.js";
import type { Connection, Party } from "./connection.js";
import type { HoldfastError } from "./errors.js";
import { Lane, type LaneHost } from "./lane.js";
import { checkArray, type Message, type MessageOptions, Pending, type Receipt, type WaitOptions } from "./message.js";
import { randomName } from "./random.js";
import { limitWait } from "./wait.js";

/** How much may wait to be confirmed, and for how long. */
export interface OutboxLimits {
  readonly outboxMessagesMax: number;
  readonly outboxBytesMax: number;
  /** 0: for ever. */
  readonly publishTimeoutMs: number;
}

/** What keeps the messages of an outbox beyond the life of a page: `stored/`. */
export interface Keeper {
  /** Instead of `Lane.add`: the message goes to its lane once it is kept. */
  add(lane: Lane, entry: Pending): void;
  /** Takes out a message that is not kept yet, with the rest of its array. */
  remove(entry: Pending): void;
  /** The message needs not be kept any more. */
  forget(entry: Pending): void;
  /** Resolves once nothing is left to be written. */
  settled(): Promise<void>;
}

type Settlers = { resolve: (receipt: Receipt) => void; reject: (error: HoldfastError) => void };

const captured = {} as Settlers;
/** Takes the two functions of a promise without a closure made for each: a publish allocates as little as it can. */
const capture = (resolve: Settlers["resolve"], reject: Settlers["reject"]): void => {
  captured.resolve = resolve;
  captured.reject = reject;
};

/** Every message published or emitted and not confirmed yet, by queue or room and in order; in memory, unless it has a keeper. */
export class Outbox implements Party, LaneHost {
  readonly connection: Connection;
  /** Who this client is to the servers that number its messages. */
  producer = randomName(3);
  keeper: Keeper | undefined;
  /** Nothing may be sent now: the keeper is not there yet, or has not stored what was confirmed. */
  held = false;
  /** Why nothing can be taken. */
  refusal: HoldfastError | undefined;
  readonly #limits: OutboxLimits;
  /** By queue, and by room behind `ROOM_MARK`. */
  readonly lanes = new Map<string, Lane>();
  #messages = 0;
  #bytes = 0;

  constructor(connection: Connection, limits: OutboxLimits) {
    this.connection = connection;
    this.#limits = limits;
    connection.join(this);
  }

  lane(queue: string): Lane {
    const lane = this.lanes.get(queue) ?? new Lane(queue, this);
    this.lanes.set(queue, lane);
    return lane;
  }

  /** @param except of an emit: JSON of who gets nothing of it */
  publish(lane: Lane, body: unknown, options?: MessageOptions & WaitOptions, except?: string): Promise<Receipt> {
    const promise = new Promise<Receipt>(capture);
    const { resolve, reject } = captured;
    try {
      const entry = new Pending(body, options, resolve, reject, except);
      this.admit(entry, 1, entry.bytes, [lane], options);
      this.add(lane, entry);
    } catch (error) {
      reject(error as HoldfastError);
    }
    return promise;
  }

  publishAll(lane: Lane, messages: readonly Message[], wait?: WaitOptions): Promise<Receipt[]> {
    return new Promise((resolve, reject) => {
      const receipts: Receipt[] = [];
      const onReceipt = (receipt: Receipt): void => {
        if (receipts.push(receipt) === messages.length) resolve(receipts);
      };
      const entries = messages.map((message) => new Pending(message.body, message, onReceipt, reject));
      const [first] = entries;
      if (!first) return resolve(receipts);
      first.array = entries.length;
      this.admit(first, entries.length, checkArray(entries), [lane], wait);
      for (const entry of entries) this.add(lane, entry);
    });
  }

  /** To be sent behind everything that was added to that lane before. */
  add(lane: Lane, entry: Pending): void {
    if (!this.keeper) lane.add(entry);
    else this.keeper.add(lane, entry);
  }

  /**
   * Takes responsibility for a message, or for the array or the group that it begins: counts it as unconfirmed, and gives
   * it up when it was waited for long enough. Throws why it may not be taken.
   */
  admit(entry: Pending, count: number, size: number, lanes: readonly Lane[], wait: WaitOptions | undefined): void {
    const { outboxMessagesMax, outboxBytesMax, publishTimeoutMs } = this.#limits;
    this.connection.assertOpen();
    if (this.refusal) throw this.refusal;
    if (wait?.signal?.aborted) throw entry.failure("ABORTED", "aborted");
    checkSize("OUTBOX_FULL", this.#messages + count, this.#bytes + size, outboxMessagesMax, outboxBytesMax);
    this.count(count, size);
    const timeoutMs = wait?.timeoutMs ?? publishTimeoutMs;
    if (timeoutMs <= 0 && wait?.signal === undefined) return;
    entry.onDone = limitWait(wait?.signal, timeoutMs, (why) => {
      if (entry.number === 0) {
        for (const lane of lanes) for (const removed of lane.remove(entry)) this.finish(removed);
        this.keeper?.remove(entry);
      }
      entry.fail("ABORTED", why);
    });
  }

  finish(entry: Pending): void {
    if (entry.done) return;
    entry.done = true;
    entry.onDone?.();
    this.count(-entry.messages, -entry.bytes);
    this.keeper?.forget(entry);
  }

  count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  /** Nothing is unconfirmed. */
  get idle(): boolean {
    return this.#messages === 0;
  }

  onReady(): void {
    for (const lane of this.lanes.values()) lane.resend();
  }

  onRefused(error: HoldfastError): void {
    for (const lane of this.lanes.values()) lane.abandon(error);
  }
}
