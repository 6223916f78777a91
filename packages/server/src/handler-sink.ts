import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import type { Broker } from "./broker.js";
import type { Clock } from "./clock.js";
import type { CancelReason, Consumer, Sink } from "./consumer.js";
import { Delivery } from "./delivery.js";
import type { Leased } from "./engine.js";
import { errorReply } from "./error-reply.js";
import { LeaseKeeper, type Work } from "./lease-keeper.js";
import type { Log } from "./log.js";
import { readMessage } from "./read-message.js";
import { SettleBatch } from "./settle-batch.js";

/**
 * Takes deliveries in this process: acked when it returns, nacked when it throws, unless it settled them itself. What it
 * returns for a request, a message with `replyTo`, is published there before the ack.
 */
export type Handler<Body = unknown> = (delivery: Delivery<Body>) => unknown;

/** Publishes what a handler answers; resolves when it is stored. */
export type Answer = (queue: string, body: unknown, correlationId: string | undefined) => Promise<void>;

/** How many handlers work at a time, and for how long each keeps its lease. */
export interface HandlerLimits {
  readonly maxInFlight: number;
  readonly extendForMs: number;
}

/** What a sink of handlers needs. */
export interface HandlerHost {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Log;
  readonly answer: Answer;
  /** Is told when no more messages come: why, or undefined after a cancel. */
  readonly onClosed: (reason: CancelReason | undefined) => void;
}

/** Runs a handler for each delivery, at most `maxInFlight` at a time. */
export class HandlerSink<Body> implements Sink {
  readonly survivesRestart = true;
  /** A slow handler is no dead peer, and no more of them are started than it may have. */
  readonly expiriesMax = Number.POSITIVE_INFINITY;
  readonly messageEffort = 1;
  readonly #handler: Handler<Body>;
  readonly #maxInFlight: number;
  readonly #broker: Broker;
  readonly #log: Log;
  readonly #answer: Answer;
  readonly #onClosed: (reason: CancelReason | undefined) => void;
  readonly #keeper: LeaseKeeper;
  #batch: SettleBatch | undefined;
  /** Which life of the engine its deliveries are of. */
  #life = 0;
  #running = 0;
  #wake: (() => void) | undefined;
  #drained: (() => void)[] = [];

  constructor(handler: Handler<Body>, { maxInFlight, extendForMs }: HandlerLimits, { broker, clock, log, answer, onClosed }: HandlerHost) {
    this.#handler = handler;
    this.#maxInFlight = maxInFlight;
    this.#broker = broker;
    this.#log = log;
    this.#answer = answer;
    this.#onClosed = onClosed;
    // An extension that fails shows when the message is settled.
    this.#keeper = new LeaseKeeper(clock, extendForMs, (lease, leaseMs) =>
      this.#batch?.add({ first: lease, count: 1, verb: "extend", leaseMs }, () => undefined),
    );
  }

  reserve(count: number): number {
    return Math.min(count, Math.max(0, this.#maxInFlight - this.#running));
  }

  free(): void {
    // Only running handlers take room.
  }

  whenRoom(wake: () => void): void {
    this.#wake = wake;
  }

  deliver(consumer: Consumer, batch: readonly Leased[], leaseMs: number): void {
    for (const leased of batch) {
      const work = this.#keeper.begin(leased.lease, leaseMs, leased.leaseUntil);
      const delivery = this.#read(consumer, leased, work);
      if (delivery === undefined) this.#keeper.end(work);
      else void this.#run(delivery, work);
    }
  }

  #read(consumer: Consumer, leased: Leased, work: Work): Delivery<Body> | undefined {
    this.#batch ??= new SettleBatch((runs) => this.#broker.consumers.settle(consumer, runs));
    const batch = this.#batch;
    const { lease, sequence, attempt, publishedAt, leaseUntil } = leased;
    try {
      const content = readMessage(leased.bytes, leased.start, leased.end);
      const life = this.#life;
      const place = { queue: consumer.address.queue, lease, sequence, attempt, publishedAt, leaseUntil };
      return new Delivery<Body>(place, content, (run, settled) => {
        if (run.leaseMs === undefined) this.#keeper.end(work);
        else work.leaseMs = Math.max(work.leaseMs, run.leaseMs);
        if (life === this.#life) batch.add(run, settled);
        else settled(errorReply(new HoldfastError("STALE_LEASE", "the engine was opened again since this delivery")));
      });
    } catch (error) {
      const reason = reasonOf(error);
      this.#log.warn(`message ${sequence} of queue ${consumer.address.queue} is rejected: ${reason}`);
      batch.add({ first: lease, count: 1, verb: "reject", reason }, () => undefined);
      return undefined;
    }
  }

  async #run(delivery: Delivery<Body>, work: Work): Promise<void> {
    this.#running++;
    try {
      await this.#handle(delivery);
    } catch (error) {
      // The message comes again when its lease ends; the handler's own settlement told the handler itself.
      this.#log.warn(`message ${delivery.sequence} of queue ${delivery.queue} was not settled: ${reasonOf(error)}`);
    }
    this.#keeper.end(work);
    this.#running--;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
    if (this.#running === 0) for (const drained of this.#drained.splice(0)) drained();
  }

  async #handle(delivery: Delivery<Body>): Promise<void> {
    try {
      const result = await this.#handler(delivery);
      if (delivery.replyTo !== undefined && !delivery.settled) await this.#reply(delivery, delivery.replyTo, result);
    } catch (error) {
      if (!delivery.settled) await delivery.nack({ reason: reasonOf(error) });
      return;
    }
    if (!delivery.settled) await delivery.ack();
  }

  /** A result that cannot be stored is a fault of the handler; when the requester is gone, nobody needs it. */
  async #reply({ correlationId }: Delivery<Body>, replyTo: string, result: unknown = null): Promise<void> {
    try {
      await this.#answer(replyTo, result, correlationId);
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === "NOT_FOUND")) throw error;
    }
  }

  flush(): void {
    this.#batch?.flush();
  }

  ended(): void {
    // A delivery learns it when it is settled.
  }

  endedAll(): void {
    this.#life++;
    this.#keeper.clear();
    this.#batch?.abandon();
  }

  takeOver(): void {
    // Nobody else can resume it: its id never leaves the process.
  }

  drained(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#drained.push(resolve));
  }

  closed(_consumer: Consumer, reason: CancelReason | undefined): void {
    // After a cancel all handlers are done; else the leases are lost.
    this.#keeper.clear();
    this.#onClosed(reason);
  }
}

/** What was thrown, as text; anything may be. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "the handler threw something that has no text";
  }
}

/** An error's message, cut to what a reason may hold. */
function reasonOf(error: unknown): string {
  const bytes = Buffer.from(textOf(error), "utf8");
  if (bytes.length <= LIMITS.reasonBytesMax) return bytes.toString("utf8");
  // The cut may fall inside a character; what is left of it becomes U+FFFD, which takes up to three bytes.
  return bytes.subarray(0, LIMITS.reasonBytesMax - 3).toString("utf8");
}
