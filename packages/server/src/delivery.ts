import { type DeadLetterHistory, type Headers, HoldfastError, LIMITS, type SettleRun } from "holdfast-client/protocol";
import { z } from "zod";
import { STALE } from "./consumers.js";
import type { MessageContent } from "./read-message.js";
import type { Settled } from "./settle-batch.js";
import { preview, validate } from "./validate.js";

const reason = z.string().refine((text) => Buffer.byteLength(text) <= LIMITS.reasonBytesMax, {
  error: ({ input }) => `reason is ${preview(input)}, expected at most ${LIMITS.reasonBytesMax} bytes`,
});

/** What may come with a nack, a reject and an extension, wherever they come from. */
export const nackOptions = z.strictObject({ delayMs: z.int().min(0).max(LIMITS.delayMsMax).optional(), reason: reason.optional() });
export const rejectOptions = z.strictObject({ reason: reason.optional() });
export const extendOptions = z.strictObject({ leaseMs: z.int().min(LIMITS.leaseMsMin).max(LIMITS.leaseMsMax) });

/** Where and when a delivery was made. */
export interface DeliveryPlace {
  readonly queue: string;
  readonly lease: number;
  readonly sequence: number;
  readonly attempt: number;
  readonly publishedAt: number;
  readonly leaseUntil: number;
}

/**
 * One attempt to hand a message to a handler in this process. It is settled once; after that every verb fails with
 * `STALE_LEASE`. Its lease is prolonged while the handler works.
 *
 * @example
 * holdfast.queue("orders").consume(async (delivery) => {
 *   if (await busy()) await delivery.nack({ delayMs: 5_000, reason: "kitchen is busy" });
 * });
 */
export class Delivery<Body = unknown> {
  readonly queue: string;
  /** The message's id. */
  readonly id: string;
  /** Position in the queue. */
  readonly sequence: number;
  /** 1-based. */
  readonly attempt: number;
  readonly body: Body;
  readonly event: string | undefined;
  readonly key: string | undefined;
  readonly headers: Headers | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** 0 to 9, as it was published. */
  readonly priority: number;
  /** Of a dead letter: where it came from and why it is here; undefined for other messages. */
  readonly history: DeadLetterHistory | undefined;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  /** When the lease ends unless it is extended, in milliseconds since 1970. */
  readonly leaseUntil: number;
  readonly #lease: number;
  readonly #settle: (run: SettleRun, settled: Settled) => void;
  #settled = false;

  constructor(place: DeliveryPlace, content: MessageContent, settle: (run: SettleRun, settled: Settled) => void) {
    this.queue = place.queue;
    this.sequence = place.sequence;
    this.attempt = place.attempt;
    this.publishedAt = place.publishedAt;
    this.leaseUntil = place.leaseUntil;
    this.id = content.id;
    this.body = content.body as Body;
    this.event = content.event;
    this.key = content.key;
    this.headers = content.headers;
    this.replyTo = content.replyTo;
    this.correlationId = content.correlationId;
    this.priority = content.priority ?? 0;
    this.history = content.history;
    this.#lease = place.lease;
    this.#settle = settle;
  }

  /** Whether a verb was called that ends the delivery. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Done: resolves once it is sure that the message never comes again. Fails with `STALE_LEASE`, `UNKNOWN`. */
  async ack(): Promise<void> {
    await this.#end({ first: this.#lease, count: 1, verb: "ack" });
  }

  /**
   * Again, later. Counts as an attempt.
   *
   * @param options `delayMs` 0 to a year, else the queue's backoff; `reason` up to 1 KiB, kept with the dead letter
   */
  async nack(options: { readonly delayMs?: number; readonly reason?: string } = {}): Promise<void> {
    await this.#end({ first: this.#lease, count: 1, verb: "nack", ...validate(nackOptions, options, "nack") });
  }

  /** Never again: it goes to the dead-letter queue with the reason, or `reason` of an object, up to 1 KiB. */
  async reject(reason: string | { readonly reason?: string } = {}): Promise<void> {
    const options = validate(rejectOptions, typeof reason === "string" ? { reason } : reason, "reject");
    await this.#end({ first: this.#lease, count: 1, verb: "reject", ...options });
  }

  /** Back to the queue at once, uncounted. */
  async release(): Promise<void> {
    await this.#end({ first: this.#lease, count: 1, verb: "release" });
  }

  /** Prolongs the lease to `leaseMs` (1,000 to 43,200,000) from now, and by as much again while the handler works. */
  async extend(leaseMs: number): Promise<void> {
    const options = validate(extendOptions, { leaseMs }, "extend");
    if (this.#settled) throw HoldfastError.from(STALE);
    await this.#send({ first: this.#lease, count: 1, verb: "extend", ...options });
  }

  async #end(run: SettleRun): Promise<void> {
    if (this.#settled) throw HoldfastError.from(STALE);
    this.#settled = true;
    await this.#send(run);
  }

  #send(run: SettleRun): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle(run, (error) => (error === undefined ? resolve() : reject(HoldfastError.from(error))));
    });
  }
}
