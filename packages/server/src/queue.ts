import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import { z } from "zod";
import type { Broker } from "./broker.js";
import type { Page, QueueAddress, QueueStats } from "./engine.js";
import type { Handler } from "./handler-sink.js";
import { type MessageOptions, messageKey, messageOptionsOf, type NewMessage } from "./message.js";
import { type QueueOptions, type QueueOptionsInput, queueName, queueOptions } from "./options.js";
import { checkMessages, publishAll, publishOne, type Receipt } from "./publish.js";
import { keepAlive } from "./keep-alive.js";
import { QueueConsumer } from "./queue-consumer.js";
import { type PeekedMessage, readPeeked } from "./read-message.js";
import type { Requesters, RequestOptions } from "./requester.js";
import {
  readSchedule,
  type ScheduledOptions,
  type ScheduleEntry,
  type ScheduleTimes,
  scheduledOptions,
  scheduleTimes,
  setSchedule,
  validScheduleName,
} from "./schedule.js";
import type { Settings } from "./settings.js";
import { deadLetterQueueOf, redriveIds } from "./upkeep.js";
import { checkFunction, validate } from "./validate.js";

const consumeOptions = z.strictObject({
  maxInFlight: z.int().min(1).optional(),
  extendForMs: z.int().min(0).max(LIMITS.leaseMsMax).default(3_600_000),
});
const pauseOptions = z.strictObject({ dead: z.literal(true).optional() });
const redriveOptions = z.strictObject({ ids: redriveIds.optional() });
const schedulesOptions = z.strictObject({ after: z.string().optional(), limit: z.int().min(1).max(1_000).default(100) });
const peekOptions = z.strictObject({ after: z.int().min(0).default(0), limit: z.int().min(1).max(1_000).default(100) });

/**
 * A durable queue, from inside the server's process. Each message goes to one of its competing consumers.
 *
 * @example
 * const orders = holdfast.queue<Order>("orders", { maxAttempts: 5 });
 * await orders.publish({ item: "cod" });
 * orders.consume(async (delivery) => cook(delivery.body));
 */
export class Queue<Body = unknown> {
  readonly name: string;
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #requesters: Requesters;
  readonly #address: QueueAddress;
  readonly #options: Partial<QueueOptions> | undefined;
  /** Kept once it resolved, so that every call waits for the same and none overtakes another. */
  #defined: Promise<void> | undefined;

  constructor(
    broker: Broker,
    settings: Settings,
    requesters: Requesters,
    namespace: string,
    name: string,
    options: QueueOptionsInput | undefined,
  ) {
    this.name = validate(queueName, name, "queue");
    this.#broker = broker;
    this.#settings = settings;
    this.#requesters = requesters;
    this.#address = { namespace, queue: name };
    this.#options = options === undefined ? undefined : definedOptions(options);
  }

  /** Resolves when the options given to `queue(name, options)` are in force; tried again by the next call when it failed. */
  #ready(): Promise<void> | undefined {
    if (this.#options === undefined) return undefined;
    this.#defined ??= this.#broker.define(this.#address, this.#options).catch((error: unknown) => {
      this.#defined = undefined;
      throw error;
    });
    return this.#defined;
  }

  /**
   * Stores a message. Publishes of one process to one queue are stored in the order of the calls.
   *
   * @param body a JSON value, possibly with up to 10 buffers in it, or bytes; 256 KiB with all that comes with it
   * @returns its receipt, once the message survives a crash
   *
   * Fails with `BAD_REQUEST`, `TOO_LARGE`, `NOT_FOUND` (only when queues are not created by themselves), `ID_CONFLICT`,
   * `QUEUE_FULL`, `RATE_LIMITED`, `DISK_FULL`, `ENGINE_UNAVAILABLE`, `SHUTTING_DOWN`, or `UNKNOWN` when it may have
   * been stored: then publish again with the same id.
   *
   * @example
   * const { id, sequence } = await orders.publish({ item: "cod" }, { id: "order-17" });
   */
  async publish(body: Body, options: MessageOptions = {}): Promise<Receipt> {
    const ready = this.#ready();
    if (ready !== undefined) await ready;
    const message = { body, queue: this.name, ...messageOptionsOf(options, "options", this.#settings.clock.now()) };
    return publishOne(this.#broker, this.#address.namespace, message, this.#settings.limits.bodyBytesMax);
  }

  /** Stores up to 1,000 messages and 1 MiB in one commit, all or none. Errors as `publish`; what the queue may never hold is not retryable. */
  async publishAll(messages: readonly NewMessage[]): Promise<Receipt[]> {
    checkMessages(messages);
    await this.#ready();
    const now = this.#settings.clock.now();
    const queued = messages.map(({ body, ...options }) => ({ body, queue: this.name, ...messageOptionsOf(options, "message", now) }));
    return publishAll(this.#broker, this.#address.namespace, queued, this.#settings.limits.bodyBytesMax);
  }

  /**
   * Publishes a message and waits for what the handler that consumes it returns.
   *
   * @param options `timeoutMs`: 30,000 unless given, 0 waits for ever; `signal` gives it up
   * @returns what the handler of the attempt that succeeded returned; null when that was undefined
   *
   * Fails as `publish`; with `REQUEST_FAILED` when the message was rejected or is out of attempts; and with `ABORTED`
   * when it is given up before it was sent, `UNKNOWN` after that: the message stays in the queue.
   *
   * @example
   * const price = await quotes.request({ item: "cod" }, { timeoutMs: 5_000 });
   */
  async request<Result = unknown>(body: Body, options: RequestOptions = {}): Promise<Result> {
    const requester = this.#requesters.of(this.#address.namespace);
    return (await requester.request(options, (message) => this.publish(body, message))) as Result;
  }

  /**
   * Hands messages to a handler in this process: acked when it returns, nacked when it throws. What it returns for a
   * message with `replyTo` is published there before the ack, unless it settled the delivery itself.
   *
   * While a handler works its lease is prolonged. A consumer keeps the process running until it is cancelled or ends, or Holdfast is closed.
   *
   * @param options `maxInFlight`: handlers at work at a time, 1 to 10,000; 100 unless given. `extendForMs`: a handler that works for longer
   *   loses its lease, 0 (it has one lease only) to 43,200,000 ms; 3,600,000 unless given
   *
   * @example
   * const consumer = orders.consume(async (delivery) => cook(delivery.body), { maxInFlight: 10 });
   * await consumer.cancel();
   */
  consume(handler: Handler<Body>, options: { readonly maxInFlight?: number; readonly extendForMs?: number } = {}): QueueConsumer {
    // Each message would fail until it is a dead letter: a slip of the pen would empty the queue.
    checkFunction("handler", handler);
    const { maxInFlight = this.#settings.limits.maxInFlightDefault, extendForMs } = validate(consumeOptions, options, "options");
    if (maxInFlight > this.#settings.limits.maxInFlightMax) {
      throw new HoldfastError("BAD_REQUEST", `maxInFlight is ${maxInFlight}, expected at most ${this.#settings.limits.maxInFlightMax}`);
    }
    const consumer = new QueueConsumer(this.#broker, this.#settings, this.#address, handler, { maxInFlight, extendForMs }, this.#ready());
    const letGo = keepAlive();
    consumer.ready.catch(letGo);
    void consumer.ended.then(letGo);
    return consumer;
  }

  /** Creates the queue, or changes the given options where that is safe, else `BAD_REQUEST`; the others keep their value. */
  async define(options: QueueOptionsInput): Promise<void> {
    await this.#broker.define(this.#address, definedOptions(options));
  }

  /** Counts of the queue; `NOT_FOUND` when there is none. */
  async stats(): Promise<QueueStats> {
    return this.#broker.stats(this.#address);
  }

  /** Messages with a sequence above `after` (0), up to `limit` (100, at most 1,000), without leasing them. */
  async peek(options: { readonly after?: number; readonly limit?: number } = {}): Promise<Page<PeekedMessage, number>> {
    const { after, limit } = validate(peekOptions, options, "options");
    const page = await this.#broker.peek(this.#address, after, limit);
    return { ...page, items: page.items.map((message) => readPeeked(message).item) };
  }

  /**
   * Lets a key go on that is blocked by a message out of attempts (option `poison: "block"`): that message goes to the
   * dead letters. `NOT_FOUND` when the key is not blocked.
   *
   * @param key of a queue with `ordering: "fifo"` that of the message which holds it, or left out for whichever does
   *
   * @example
   * await orders.skipKey("table-4");
   */
  async skipKey(key?: string): Promise<void> {
    await this.#broker.unblock(this.#address, keyOf(key), "skip");
  }

  /** As `skipKey`, but the message comes again, with all its attempts. */
  async retryKey(key?: string): Promise<void> {
    await this.#broker.unblock(this.#address, keyOf(key), "retry");
  }

  /**
   * Removes every message that the queue has now: ready, delayed and in flight, whose settlements are stale. Its dead
   * letters stay. Messages published after the call are not touched.
   *
   * @returns how many, once none of them is delivered any more, also after a crash
   *
   * Fails with `NOT_FOUND`, `ENGINE_UNAVAILABLE`, `SHUTTING_DOWN`, or `UNKNOWN` when it may have happened.
   *
   * @example
   * const count = await orders.purge();
   */
  async purge(): Promise<number> {
    return this.#broker.purge(this.#address);
  }

  /**
   * Hands out no message until `resume`, also after a restart; it takes messages, and deliveries under way go on.
   *
   * @param options `dead`: its dead-letter queue is meant, and not the queue itself, also before the first letter came to it
   * @returns resolves once it holds, also after a crash
   *
   * Errors as `purge`; `NOT_FOUND` also when with `dead` the queue has no dead-letter queue.
   *
   * @example
   * await orders.pause({ dead: true });
   */
  async pause(options: { readonly dead?: true | undefined } = {}): Promise<void> {
    await this.#broker.pause(await this.#concerned(options));
  }

  /** Hands out messages again; options and errors as `pause`. */
  async resume(options: { readonly dead?: true | undefined } = {}): Promise<void> {
    await this.#broker.resume(await this.#concerned(options));
  }

  async #concerned(options: object): Promise<QueueAddress> {
    return validate(pauseOptions, options, "options").dead === true ? deadLetterQueueOf(this.#broker, this.#address) : this.#address;
  }

  /**
   * Dead letters of this queue, wherever its dead-letter queue is, with their `history`: those with a sequence above
   * `after` (0), up to `limit` (100, at most 1,000). A page may be shorter, or empty, and have a `next`. `NOT_FOUND` when
   * there is no such queue.
   */
  async deadLetters(options: { readonly after?: number; readonly limit?: number } = {}): Promise<Page<PeekedMessage, number>> {
    const { after, limit } = validate(peekOptions, options, "options");
    const page = await this.#broker.deadLetters(this.#address, after, limit);
    return { ...page, items: page.items.map((message) => readPeeked(message).item) };
  }

  /**
   * Moves dead letters of this queue back to its end, in their order, as they were published: same id, no attempts. Those
   * that somebody has in flight stay.
   *
   * @param options `ids`: only these, 1 to 1,000; all unless given
   * @returns how many, once that survives a crash. Each letter moves in one commit and is never in two places
   *
   * Errors as `purge`; after `UNKNOWN` some may have moved, and calling again goes on with the rest.
   *
   * @example
   * await orders.redrive({ ids: ["order-17"] });
   */
  async redrive(options: { readonly ids?: readonly string[] | undefined } = {}): Promise<number> {
    return this.#broker.redrive(this.#address, validate(redriveOptions, options, "options").ids);
  }

  /** Removes the dead letters that this queue has now, those in flight too. Resolves to how many; errors as `redrive`. */
  async purgeDeadLetters(): Promise<number> {
    return this.#broker.purgeDeadLetters(this.#address);
  }

  /**
   * Publishes a message again and again, at the times that a cron pattern names, also when this process was restarted in
   * between. A schedule of the same name is replaced; the same again changes nothing, so an application may call this
   * whenever it starts.
   *
   * @param name 1 to 128 of `A-Z a-z 0-9 . _ : -`
   * @param times the pattern, and the time zone whose clocks are meant (UTC unless given)
   * @returns when it publishes next, once the schedule survives a crash
   *
   * Fails as `publish`, with `BAD_REQUEST` too for a pattern that never comes and a zone that does not exist, and with
   * `TOO_LARGE` above 1,000 schedules of a queue.
   *
   * @example
   * await reports.schedule("nightly", { cron: "0 2 * * *", timezone: "Europe/Berlin" }, { kind: "sales" });
   */
  async schedule(name: string, times: ScheduleTimes, body: Body, options: ScheduledOptions = {}): Promise<{ readonly next: number }> {
    await this.#ready();
    const message = { ...validate(scheduledOptions, options, "options"), body };
    const when = validate(scheduleTimes, times, "times");
    return setSchedule(this.#broker, this.#address, validScheduleName(name), when, message, this.#settings.limits.bodyBytesMax);
  }

  /** Ends a schedule; what it published stays. `NOT_FOUND` when there is none of that name. */
  async unschedule(name: string): Promise<void> {
    await this.#broker.unschedule(this.#address, validScheduleName(name));
  }

  /** Schedules of this queue by name, those after `after`, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such queue. */
  async schedules(options: { readonly after?: string; readonly limit?: number } = {}): Promise<Page<ScheduleEntry, string>> {
    const { after, limit } = validate(schedulesOptions, options, "options");
    const page = await this.#broker.schedules(this.#address, after, limit);
    return { ...page, items: page.items.map((schedule) => readSchedule(schedule).entry) };
  }

  /** Removes the queue with everything in it; its consumers end. `NOT_FOUND` when there is none. */
  async delete(): Promise<void> {
    this.#defined = undefined;
    await this.#broker.remove(this.#address);
  }
}

const keyOf = (key: string | undefined): string => (key === undefined ? "" : validate(messageKey, key, "key"));

/** Options as given; an undefined one is one not given. */
export function definedOptions(options: QueueOptionsInput): Partial<QueueOptions> {
  const given = Object.entries(validate(queueOptions, options, "options")).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<QueueOptions>;
}
