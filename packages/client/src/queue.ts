import { asJson, checkName } from "./check.js";
import type { ConsumeOptions, Consumer, Handler } from "./consumer.js";
import { HandlerConsumer } from "./handler-consumer.js";
import type { Host } from "./host.js";
import type { Lane } from "./lane.js";
import type { Message, MessageOptions, Receipt, RequestOptions, WaitOptions } from "./message.js";
import type { Requester } from "./requester.js";
import { type DeliveryStream, StreamConsumer } from "./stream.js";

/** Options of a queue; those left out keep their value. */
export interface QueueOptions {
  /**
   * `none` (default, the fastest), `key`: messages of one key come one after the other, different keys in parallel,
   * `fifo`: all in order, to one consumer at a time. Changes only while the queue is empty.
   */
  readonly ordering?: "none" | "key" | "fifo" | undefined;
  /** How long a delivery may take: 1,000 to 43,200,000. Default 30,000. */
  readonly leaseMs?: number | undefined;
  /** Attempts before a message goes to the dead letters: 0 (no limit) to 1,000,000. Default 5. */
  readonly maxAttempts?: number | undefined;
  /** How long a message that failed waits. Default: exponential from 1 s to 5 min. */
  readonly backoff?: Backoff | undefined;
  /** Of a message out of attempts, where there is an order: it goes (`dead-letter`, default) or holds its key (`block`). */
  readonly poison?: "dead-letter" | "block" | undefined;
  /** The dead-letter queue, default the queue's name and `.dead`; false discards and counts. */
  readonly deadLetter?: string | false | undefined;
  /** How long a chosen id is remembered: 0 to 604,800,000. Default 600,000. */
  readonly dedupWindowMs?: number | undefined;
  /** Time to live of messages that are published without one: 0 (for ever, the default) to 31,536,000,000. */
  readonly ttlMs?: number | undefined;
  /** Messages that may wait or be in flight. Default 0: no limit. */
  readonly depthMax?: number | undefined;
  /** Bytes of their records. Default 0: no limit. */
  readonly bytesMax?: number | undefined;
  /**
   * What gives way to a publish above these limits. `reject`, the default: the publish, with `QUEUE_FULL`; `publish` of
   * this library waits then. `dead-letter-oldest`, not with `poison: "block"`: the oldest message that is not in flight.
   */
  readonly overflow?: "reject" | "dead-letter-oldest" | undefined;
  /** Deliveries of the whole queue per second: 0.001 to 1,000,000. Default 0: no limit. */
  readonly ratePerSecondMax?: number | undefined;
  /** Levels of `priority`: 1 to 10. A message may have one below it. Default 10. */
  readonly priorities?: number | undefined;
}

export type Backoff =
  | {
      readonly type: "fixed" | "exponential";
      /** 0 to 31,536,000,000, as `delayMaxMs`, whose default is 300,000, or this where it is more. */
      readonly delayMs: number;
      readonly delayMaxMs?: number | undefined;
      /** Part of the delay that is random and taken away from it: 0, the default of a backoff that is given, to 1. */
      readonly jitter?: number | undefined;
    }
  | {
      readonly type: "list";
      /** 1 to 100 delays: after attempt n the n-th of them, the last one repeats. */
      readonly delaysMs: readonly number[];
    };

/** Counts of a queue: published + redriven = ready + inFlight + delayed + parked + dead + acked + expired + purged. */
export interface QueueStats {
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly parked: number;
  /** Keys held by a message out of attempts: see `poison`. */
  readonly blocked: number;
  readonly dead: number;
  readonly acked: number;
  readonly expired: number;
  readonly purged: number;
  readonly published: number;
  readonly redriven: number;
  readonly consumers: number;
  /** Of the messages that wait or are in flight. */
  readonly bytes: number;
  readonly oldestAgeMs: number;
  readonly paused: boolean;
  /** Messages a second, over the last 5 to 10 seconds, to a tenth; deliveries count with each attempt. */
  readonly perSecond: { readonly published: number; readonly delivered: number; readonly acked: number };
}

/**
 * A queue of the server, as this client sees it. `Body` is what its messages carry.
 *
 * @example
 * const orders = holdfast.queue<Order>("orders");
 * const receipt = await orders.publish({ item: "cod" }, { event: "placed" });
 * orders.consume(async (delivery) => { await cook(delivery.body); });
 */
export class Queue<Body = unknown> {
  readonly name: string;
  readonly #host: Host;
  #lane: Lane | undefined;

  /** @internal */
  constructor(name: string, host: Host) {
    checkName("queue", name);
    this.name = name;
    this.#host = host;
  }

  get #ownLane(): Lane {
    this.#lane ??= this.#host.outbox.lane(this.name);
    return this.#lane;
  }

  /**
   * Stores a message. Publishes of one turn travel together; publishes to one queue are stored in the order of the
   * calls. While the server is away, or refuses for a passing reason such as `QUEUE_FULL`, the message waits in the
   * outbox and is sent again with the same id.
   *
   * @param body a JSON value of at most 256 KiB, bytes, or a JSON value with up to 10 buffers in it; read before this returns
   * @returns resolves once the message survives a crash of the server
   * @throws HoldfastError by rejection. `OUTBOX_FULL`: too much is unconfirmed. `ABORTED`: given up before it was sent.
   *   `UNKNOWN`: given up after it was sent; it goes on being sent and may yet be stored. `SHUTTING_DOWN`: the client is
   *   closed. `BAD_REQUEST`, `TOO_LARGE`, `ID_CONFLICT` and the other codes: refused, and not stored.
   *
   * @example
   * const { sequence } = await orders.publish({ item: "cod" }, { id: "order-17", timeoutMs: 5_000 });
   */
  publish(body: Body, options?: MessageOptions & WaitOptions): Promise<Receipt> {
    return this.#host.outbox.publish(this.#ownLane, body, options);
  }

  /**
   * Stores up to 1,000 messages of up to 1 MiB in all, all or none.
   *
   * @returns resolves to the receipts in the same order; errors as for `publish`. `QUEUE_FULL` at once, and not retryable, where the
   *   queue may never hold so much
   *
   * @example
   * await orders.publishAll([{ body: { item: "cod" } }, { body: { item: "chips" }, event: "side" }]);
   */
  publishAll(messages: readonly Message<Body>[], options?: WaitOptions): Promise<Receipt[]> {
    return this.#host.outbox.publishAll(this.#ownLane, messages, options);
  }

  /**
   * Publishes a message and waits for what the handler that consumes it returns. The first request of a client loads what
   * it needs, and is published after that; all others at once.
   *
   * @param body as for `publish`
   * @returns resolves to the result of the attempt that succeeded; null when that was undefined
   * @throws HoldfastError by rejection, as `publish`, and `REQUEST_FAILED`: the message was rejected or is out of attempts.
   *   `UNKNOWN`: given up, or the client cannot be answered any more; the message stays in the queue.
   *
   * @example
   * const price = await quotes.request<number>({ item: "cod" }, { timeoutMs: 5_000 });
   */
  request<Result = unknown>(body: Body, options?: RequestOptions): Promise<Result> {
    const { requester } = this.#host;
    const ask = (loaded: Requester): Promise<Result> =>
      loaded.request((message) => this.publish(body, message), options) as Promise<Result>;
    return "then" in requester ? requester.then(ask) : ask(requester);
  }

  /**
   * Consumes the queue, competing with its other consumers.
   *
   * With a handler: it is called for each delivery, up to `maxInFlight` at a time. When it returns (or what it returns
   * resolves) the delivery is acked, unless it was settled before; when it throws, it is nacked with the error's message.
   * What it returns for a message with `replyTo` is published there before the ack, unless it settled the delivery.
   * Without: deliveries are taken from the stream, and settled by whoever takes them. Leases are prolonged meanwhile.
   *
   * @throws HoldfastError `BAD_REQUEST` for a `maxInFlight` or `extendForMs` out of range, `SHUTTING_DOWN` when the client is closed
   *
   * @example
   * const consumer = orders.consume(async ({ body }) => { await cook(body); }, { maxInFlight: 10 });
   * await consumer.cancel();
   */
  consume(handler: Handler<Body>, options?: ConsumeOptions): Consumer;
  consume(options?: ConsumeOptions): DeliveryStream<Body>;
  consume(first: Handler<Body> | ConsumeOptions = {}, options: ConsumeOptions = {}): Consumer | DeliveryStream<Body> {
    return typeof first === "function"
      ? new HandlerConsumer(this.#host, this.name, options, first).start()
      : new StreamConsumer<Body>(this.#host, this.name, first).start();
  }

  /**
   * Creates the queue, or changes the options given. It waits for a connection, as `stats` does, and rejects with the
   * server's error.
   */
  async define(options: QueueOptions): Promise<void> {
    asJson("options", () => JSON.stringify(options));
    await this.#host.requests.send("holdfast:define", { queue: this.name, ...options });
  }

  /** Counts of the queue; `NOT_FOUND` when there is none. */
  stats(): Promise<QueueStats> {
    return this.#host.requests.send("holdfast:stats", { queue: this.name }) as Promise<unknown> as Promise<QueueStats>;
  }
}
