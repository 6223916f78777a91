import { checkQueue } from "./check.js";
import type { Connection, Reply } from "./connection.js";
import type { ConsumeOptions, Consumer, Handler } from "./consumer.js";
import type { HoldfastError } from "./errors.js";
import { HandlerConsumer } from "./handler-consumer.js";
import type { Lane } from "./lane.js";
import type { Message, MessageOptions, Receipt, RequestOptions, WaitOptions } from "./message.js";
import type { Outbox } from "./outbox.js";
import type { Headers } from "./record.js";
import type { Requester } from "./requester.js";
import type { IfResent, Requests } from "./requests.js";
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
  /** Messages that may wait or be in flight. Default 0: no limit. */
  readonly depthMax?: number | undefined;
  /** Bytes of their records. Default 0: no limit. */
  readonly bytesMax?: number | undefined;
  /**
   * What gives way to a publish above these limits. `reject`, the default: the publish, with `QUEUE_FULL`; `publish` of
   * this library waits then. `dead-letter-oldest`: the oldest message that is not in flight.
   */
  readonly overflow?: "reject" | "dead-letter-oldest" | undefined;
  /** Deliveries of the whole queue per second: 0.001 to 1,000,000. Default 0: no limit. */
  readonly ratePerSecondMax?: number | undefined;
}

export type Backoff =
  | {
      readonly type: "fixed" | "exponential";
      /** 0 to 31,536,000,000, as `delayMaxMs`, whose default is 300,000. */
      readonly delayMs: number;
      readonly delayMaxMs?: number | undefined;
      /** Part of the delay that is random: 0 to 1. */
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
}

/** A message as `peek` shows it. */
export interface PeekedMessage<Body = unknown> {
  readonly id: string;
  readonly sequence: number;
  readonly attempts: number;
  readonly state: "ready" | "in-flight" | "delayed" | "parked" | "blocked";
  readonly publishedAt: number;
  readonly body: Body;
  readonly event?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  /** Of a dead letter: where it came from and why it is here. */
  readonly history?: unknown;
  /** Why the body could not be read; it is null then. */
  readonly invalid?: string | undefined;
}

/** When a schedule publishes. */
export interface ScheduleTimes {
  /** Five fields (minute, hour, day, month, weekday), six with seconds before them, or a name such as `@daily`. */
  readonly cron: string;
  /** An IANA name such as `Europe/Berlin`, whose clocks are meant. Default `UTC`. */
  readonly timezone?: string | undefined;
}

/** A schedule of a queue. */
export interface ScheduleEntry<Body = unknown> {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  /** When it publishes next, in milliseconds since 1970; absent when the server does not know its time zone any more. */
  readonly next?: number | undefined;
  /** The occurrence it came to last. */
  readonly last?: number | undefined;
  readonly published: number;
  /** Occurrences that the queue refused, because it was full. */
  readonly skipped: number;
  /** What it publishes; `invalid` says why its body, then null, cannot be shown. */
  readonly message: Omit<MessageOptions, "id"> & { readonly body: Body; readonly invalid?: string | undefined };
}

/** Part of a list; `next` is given when there is more, and continues it as `after`. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor | undefined;
}

/** What a queue needs of its client. */
export interface QueueHost {
  readonly outbox: Outbox;
  readonly connection: Connection;
  readonly requests: Requests;
  requester(): Requester;
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
  readonly #host: QueueHost;
  #lane: Lane | undefined;

  /** @internal */
  constructor(name: string, host: QueueHost) {
    checkQueue(name);
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
   * @returns resolves to the receipts in the same order; errors as for `publish`
   *
   * @example
   * await orders.publishAll([{ body: { item: "cod" } }, { body: { item: "chips" }, event: "side" }]);
   */
  publishAll(messages: readonly Message<Body>[], options?: WaitOptions): Promise<Receipt[]> {
    return this.#host.outbox.publishAll(this.#ownLane, messages, options);
  }

  /**
   * Publishes a message and waits for what the handler that consumes it returns.
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
    return this.#host.requester().request((message) => this.publish(body, message), options) as Promise<Result>;
  }

  /**
   * Consumes the queue, competing with its other consumers.
   *
   * With a handler: it is called for each delivery, up to `maxInFlight` at a time. When it returns (or what it returns
   * resolves) the delivery is acked, unless it was settled before; when it throws, it is nacked with the error's message.
   * What it returns for a message with `replyTo` is published there before the ack, unless it settled the delivery.
   * Without: deliveries are taken from the stream, and settled by whoever takes them.
   *
   * @throws HoldfastError `BAD_REQUEST` for a `maxInFlight` that is not 1 to 10,000, `SHUTTING_DOWN` when the client is closed
   *
   * @example
   * const consumer = orders.consume(async ({ body }) => { await cook(body); }, { maxInFlight: 10 });
   * await consumer.cancel();
   */
  consume(handler: Handler<Body>, options?: ConsumeOptions): Consumer;
  consume(options?: ConsumeOptions): DeliveryStream<Body>;
  consume(first: Handler<Body> | ConsumeOptions = {}, options: ConsumeOptions = {}): Consumer | DeliveryStream<Body> {
    const { connection, requests } = this.#host;
    return typeof first === "function"
      ? new HandlerConsumer(connection, this.name, options, first, requests).start()
      : new StreamConsumer<Body>(connection, this.name, first).start();
  }

  /**
   * Creates the queue, or changes the options given. Like all below it waits for a connection, and rejects with the
   * server's error.
   */
  async define(options: QueueOptions): Promise<void> {
    await this.#ask("define", options);
  }

  /** Removes the queue with every message in it; its consumers end. `NOT_FOUND` when there is none. */
  async delete(): Promise<void> {
    await this.#ask("delete", {}, isNotFound);
  }

  /** Counts of the queue; `NOT_FOUND` when there is none. */
  stats(): Promise<QueueStats> {
    return this.#ask("stats") as Promise<unknown> as Promise<QueueStats>;
  }

  /** Messages with a sequence above `after` (0), up to `limit` (100, at most 1,000), without leasing them. */
  peek(page?: { readonly after?: number; readonly limit?: number }): Promise<Page<PeekedMessage<Body>, number>> {
    return this.#ask("peek", page) as Promise<unknown> as Promise<Page<PeekedMessage<Body>, number>>;
  }

  /**
   * Lets a key go on that is blocked by a message out of attempts (option `poison: "block"`): that message goes to the
   * dead letters. `NOT_FOUND` when the key is not blocked.
   *
   * @param key left out for a queue with `ordering: "fifo"`
   *
   * @example
   * await orders.skipKey("table-4");
   */
  async skipKey(key?: string): Promise<void> {
    await this.#ask("key", { key, action: "skip" });
  }

  /** As `skipKey`, but the message comes again, with all its attempts. */
  async retryKey(key?: string): Promise<void> {
    await this.#ask("key", { key, action: "retry" });
  }

  /**
   * Removes every message that the queue has now: ready, delayed and in flight, whose settlements are stale. Its dead
   * letters stay.
   *
   * @returns resolves to how many, once none of them is delivered any more, also after a crash of the server
   * @throws HoldfastError by rejection. `NOT_FOUND`: there is no such queue. `UNKNOWN`: the connection was lost before the
   *   reply; it is not sent again, since it would remove what was published since
   *
   * @example
   * const count = await orders.purge();
   */
  purge(): Promise<number> {
    return this.#count("purge");
  }

  /** Hands out no message until `resume`, also after a restart; it takes messages, and deliveries under way go on. `NOT_FOUND` when there is none. */
  async pause(): Promise<void> {
    await this.#ask("pause");
  }

  /** Hands out messages again. `NOT_FOUND` when there is none. */
  async resume(): Promise<void> {
    await this.#ask("resume");
  }

  /**
   * Dead letters of this queue, wherever its dead-letter queue is, with their `history`: those with a sequence above
   * `after` (0), up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such queue.
   */
  deadLetters(page?: { readonly after?: number; readonly limit?: number }): Promise<Page<PeekedMessage<Body>, number>> {
    return this.#ask("dead", page) as Promise<unknown> as Promise<Page<PeekedMessage<Body>, number>>;
  }

  /**
   * Moves dead letters of this queue back to its end, in their order, as they were published: same id, no attempts. Those
   * that somebody has in flight stay.
   *
   * @param options `ids`: only these, 1 to 1,000; all unless given
   * @returns resolves to how many, once that survives a crash of the server; no letter is ever in two places
   * @throws HoldfastError by rejection, as `purge`. After `UNKNOWN` some may have moved: call again for the rest
   *
   * @example
   * await orders.redrive({ ids: ["order-17"] });
   */
  redrive(options?: { readonly ids?: readonly string[] | undefined }): Promise<number> {
    return this.#count("redrive", options);
  }

  /** Removes the dead letters that this queue has now, those in flight too. Resolves to how many; errors as `redrive`. */
  purgeDeadLetters(): Promise<number> {
    return this.#count("purge", { dead: true });
  }

  /**
   * Publishes a message again and again, at the times that a cron pattern names; the server does so by itself. A schedule
   * of the same name is replaced; the same again changes nothing.
   *
   * @param name 1 to 128 of `A-Z a-z 0-9 . _ : -`
   * @param body as for `publish`, but JSON arrives equal by value, also that of a `JsonText`
   * @param options what comes with it; no `id`, since each occurrence has one of its own
   * @returns resolves to when it publishes next (milliseconds since 1970), once the schedule survives a crash of the server
   * @throws HoldfastError by rejection. `BAD_REQUEST`: no such pattern or zone, or a pattern that never comes. `TOO_LARGE`:
   *   more than 1,000 schedules of a queue
   *
   * @example
   * await reports.schedule("nightly", { cron: "0 2 * * *", timezone: "Europe/Berlin" }, { kind: "sales" });
   */
  schedule(name: string, times: ScheduleTimes, body: Body, options?: Omit<MessageOptions, "id">): Promise<{ readonly next: number }> {
    return this.#ask("schedule", { name, ...times, message: { ...options, body } }) as Promise<unknown> as Promise<{ next: number }>;
  }

  /** Ends a schedule; what it published stays. `NOT_FOUND` when there is none of that name. */
  async unschedule(name: string): Promise<void> {
    await this.#ask("schedule", { name, remove: true }, isNotFound);
  }

  /** Schedules of this queue by name, those after `after`, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such queue. */
  schedules(page?: { readonly after?: string; readonly limit?: number }): Promise<Page<ScheduleEntry<Body>, string>> {
    return this.#ask("list", { kind: "schedules", ...page }) as Promise<unknown> as Promise<Page<ScheduleEntry<Body>, string>>;
  }

  /** For what must not be done twice. */
  async #count(operation: string, fields?: object): Promise<number> {
    return (await this.#ask(operation, fields, true)).count as number;
  }

  #ask(operation: string, fields?: object, ifResent?: IfResent): Promise<Reply> {
    return this.#host.requests.send(`holdfast:${operation}`, { queue: this.name, ...fields }, ifResent);
  }
}

/** What was to be removed is gone: by the request that was sent before. */
const isNotFound = ({ code }: HoldfastError): boolean => code === "NOT_FOUND";
