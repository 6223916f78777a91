import { checkOptions, checkWhole, refusal } from "./check.js";
import { encoder } from "./encoder.js";
import type { HoldfastError } from "./errors.js";
import type { DeliveriesSection, Verb } from "./frame.js";
import type { DeadLetterHistory } from "./history.js";
import * as LIMITS from "./limits.js";
import type { Headers } from "./record.js";
import { RecordReader } from "./record-view.js";
import { type Settlement, staleLease, type Terms } from "./settlements.js";

/**
 * One attempt to hand a message over. Settle it once, while its lease lasts.
 *
 * Each verb resolves when the server's reply says that it is durable, and rejects with `STALE_LEASE` when the delivery
 * is settled already or its lease is lost (then the message comes again), or with `UNKNOWN` when the connection was
 * lost before the reply and the lease with it. A rejection nobody waits for does no harm.
 *
 * @example
 * for await (const delivery of holdfast.queue<Order>("orders").consume()) {
 *   if (await cook(delivery.body)) await delivery.ack();
 *   else await delivery.nack({ delayMs: 5_000, reason: "oven is cold" });
 * }
 */
export interface Delivery<Body = unknown> {
  readonly id: string;
  readonly queue: string;
  /** The message's position in the queue. */
  readonly sequence: number;
  /** 1-based. */
  readonly attempt: number;
  /** Parsed when first asked for. Bytes when the publisher sent bytes. */
  readonly body: Body;
  /** The body's JSON byte for byte as it was published; undefined when it is, or holds, bytes. */
  readonly bodyText: string | undefined;
  readonly event: string | undefined;
  readonly key: string | undefined;
  readonly headers: Headers | undefined;
  /** The queue where an answer is expected. */
  readonly replyTo: string | undefined;
  /** Which request it is, or answers. */
  readonly correlationId: string | undefined;
  /** 0 to 9, as it was published. */
  readonly priority: number;
  /** Of a dead letter: where it came from and why it is here; undefined for other messages. */
  readonly history: DeadLetterHistory | undefined;
  /** Milliseconds since 1970 by the server's clock. */
  readonly publishedAt: number;
  /** When the lease ends, in milliseconds since 1970 by the server's clock. */
  readonly leaseUntil: number;
  /** Done: it never comes again. */
  ack(): Promise<void>;
  /**
   * Again, later; counts as an attempt.
   *
   * @param options `delayMs`: 0 to 31,536,000,000, default the queue's backoff; `reason`: cut at 1,024 bytes
   */
  nack(options?: { readonly delayMs?: number | undefined; readonly reason?: string | undefined }): Promise<void>;
  /** Never again: to the dead letters. `reason` is cut at 1,024 bytes. */
  reject(reason?: string): Promise<void>;
  /** Back to the queue at once; does not count as an attempt. */
  release(): Promise<void>;
  /**
   * Prolongs the lease to `leaseMs`, 1,000 to 43,200,000, from now; it is sent in a later turn. May be called again until the delivery is
   * settled. While a handler or the body of a loop works on it that is done as well without: see `extendForMs` of `consume`.
   */
  extend(leaseMs: number): Promise<void>;
}

/** Who takes the settlements of a batch. */
export interface Settler {
  readonly queue: string;
  /** Counts the times that its leases were lost: lease numbers may come again after that. */
  readonly tenure: number;
  settle(item: Settlement): void;
  /** Every delivery of the batch is settled for good. */
  onAnswered(batch: Batch): void;
}

/** Called with why it could not be settled, if so. */
export type Done = (error: HoldfastError | undefined) => void;

/** The deliveries that came in one section, with what they share. */
export class Batch {
  readonly deliveries: LeasedDelivery[] = [];
  /** Server's clock minus `performance.now()`. */
  readonly clockOffsetMs: number;
  /** When, by `performance.now()`, the last lease of these ends: the system's clock may be set. */
  endsAt: number;
  readonly #tenure: number;
  #unanswered = 0;

  constructor(
    readonly settler: Settler,
    readonly section: DeliveriesSection,
  ) {
    this.#tenure = settler.tenure;
    this.endsAt = performance.now() + section.leaseMs;
    this.clockOffsetMs = section.leaseUntil - this.endsAt;
  }

  /** Its leases are another's. */
  get lost(): boolean {
    return this.#tenure !== this.settler.tenure;
  }

  add(lease: number, start: number): LeasedDelivery {
    const delivery = new LeasedDelivery(this, lease, start);
    this.deliveries.push(delivery);
    this.#unanswered++;
    return delivery;
  }

  /** One of them is settled for good. */
  answer(): void {
    if (--this.#unanswered === 0) this.settler.onAnswered(this);
  }
}

/**
 * A delivery while this client holds its lease: the record where it lies in the frame, with what the frame says before it. It
 * is its own settlement, so that an ack costs no object.
 */
export class LeasedDelivery<Body = unknown> extends RecordReader implements Delivery<Body>, Settlement {
  readonly batch: Batch;
  readonly lease: number;
  verb: Verb = "ack";
  terms: Terms | undefined = undefined;
  sends = 0;
  /** A verb was called. */
  settled = false;
  /** And the server answered it. */
  answered = false;
  /** When its lease ends by the server's clock, since it was prolonged. */
  declare extendedUntil?: number;
  /** The loop it was handed to went on without settling it. */
  declare letGo?: boolean;
  #body: Body | undefined;
  #done: Done | undefined;

  /** @param start of its record */
  constructor(batch: Batch, lease: number, start: number) {
    const { content } = batch.section;
    super(content.bytes, start, start + content.peekU32(start));
    this.batch = batch;
    this.lease = lease;
  }

  get queue(): string {
    return this.batch.settler.queue;
  }

  get sequence(): number {
    return this.batch.section.content.peekU48(this.start - 16);
  }

  get attempt(): number {
    return this.batch.section.content.peekU32(this.start - 10);
  }

  get bodyText(): string | undefined {
    return this.readText(this.batch.section.text);
  }

  get body(): Body {
    // A body is never undefined once parsed: JSON has no such value.
    if (this.#body === undefined) this.#body = this.readBody(this.batch.section.text) as Body;
    return this.#body;
  }

  get publishedAt(): number {
    return this.batch.section.content.peekU48(this.start - 6);
  }

  get leaseUntil(): number {
    return this.extendedUntil ?? this.batch.section.leaseUntil;
  }

  ack(): Promise<void> {
    return this.#settle("ack");
  }

  nack(options?: { readonly delayMs?: number | undefined; readonly reason?: string | undefined }): Promise<void> {
    return this.#settle("nack", options);
  }

  reject(reason?: string): Promise<void> {
    return this.#settle("reject", { reason });
  }

  release(): Promise<void> {
    return this.#settle("release");
  }

  extend(leaseMs: number): Promise<void> {
    // A chunk of its own, loaded with the first deliveries.
    return handled((done) => void import("./extending.js").then((it) => it.extend(this, leaseMs, done)).catch(done));
  }

  #settle(verb: Verb, terms: Terms = {}): Promise<void> {
    return handled((done) => {
      checkOptions(terms);
      const { delayMs, reason } = terms;
      checkWhole("delayMs", delayMs, 0, LIMITS.delayMsMax);
      if (reason !== undefined && typeof reason !== "string") throw refusal("reason", reason, "text");
      if (!this.finish(verb, { delayMs, reason: reason && cutReason(reason) })) throw staleLease(this.lease);
      this.#done = done;
    });
  }

  /** Lets go of the parsed body, which could be parsed again: what is settled waits for its answer without it. */
  forget(): void {
    this.#body = undefined;
  }

  /** Settles without a promise; false when it is settled already or its lease is lost. */
  finish(verb: Verb, terms?: Terms): boolean {
    if (this.settled || this.batch.lost) return false;
    this.settled = true;
    this.verb = verb;
    this.terms = terms;
    this.batch.settler.settle(this);
    return true;
  }

  onSettled(error: HoldfastError | undefined): void {
    this.answered = true;
    this.batch.answer();
    this.#done?.(error);
  }
}

/** A promise whose rejection does not end the process when nobody waits for it: the message then comes again anyway. */
function handled(start: (done: Done) => void): Promise<void> {
  const promise = new Promise<void>((resolve, reject) => start((error) => (error === undefined ? resolve() : reject(error))));
  promise.catch(() => {});
  return promise;
}

const reasonBytes = new Uint8Array(LIMITS.reasonBytesMax);

/** As much of a reason as a server takes. */
export const cutReason = (reason: string): string => reason.slice(0, encoder.encodeInto(reason, reasonBytes).read);
