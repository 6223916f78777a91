import { type Connection, type Party, TIMER_MS_MAX } from "./connection.js";
import type { Delivery } from "./delivery.js";
import { HoldfastError } from "./errors.js";
import { HandlerConsumer } from "./handler-consumer.js";
import { DIED_EVENT } from "./names.js";
import type { MessageOptions, Receipt, RequestOptions, WaitOptions } from "./message.js";
import { randomName } from "./random.js";
import type { Requests } from "./requests.js";

const TIMEOUT_MS = 30_000;
const OPEN_MAX = 10_000;

interface Open {
  resolve(result: unknown): void;
  reject(error: HoldfastError): void;
}

/** Requests that wait for their answers. They share a reply queue, which is made when the first one needs it. */
export class Requester implements Party {
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #open = new Map<string, Open>();
  #count = 0;
  #consumer: HandlerConsumer<unknown> | undefined;

  constructor(connection: Connection, requests: Requests) {
    this.#connection = connection;
    this.#requests = requests;
    connection.join(this);
  }

  /** @param publish stores the message of the request */
  request(
    publish: (options: MessageOptions & WaitOptions) => Promise<Receipt>,
    { timeoutMs = TIMEOUT_MS, signal, ...options }: RequestOptions = {},
  ): Promise<unknown> {
    const correlationId = (++this.#count).toString(36);
    const givenUp = new AbortController();
    let stored = false;
    const giveUp = (): void => {
      if (stored) this.#open.get(correlationId)?.reject(new HoldfastError("UNKNOWN", "request was given up before its answer came"));
      else givenUp.abort();
    };
    const timer = timeoutMs > 0 ? setTimeout(giveUp, Math.min(timeoutMs, TIMER_MS_MAX)) : undefined;
    signal?.addEventListener("abort", giveUp);
    if (signal?.aborted) giveUp();
    return new Promise((resolve, reject) => {
      if (this.#open.size >= OPEN_MAX) throw new HoldfastError("OUTBOX_FULL", `${OPEN_MAX} requests wait for their answers`);
      this.#open.set(correlationId, { resolve, reject });
      const replyTo = this.#replyQueue();
      publish({ ...options, timeoutMs: 0, signal: givenUp.signal, replyTo, correlationId }).then(() => {
        stored = true;
      }, reject);
    }).finally(() => {
      this.#open.delete(correlationId);
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    });
  }

  /** The name of the reply queue. To consume it creates it, and that is sent before any message of this turn. */
  #replyQueue(): string {
    if (this.#consumer === undefined) {
      const onAnswer = (delivery: Delivery): void => this.#settle(delivery);
      const consumer = new HandlerConsumer(this.#connection, `reply:${randomName(4)}`, {}, onAnswer, this.#requests).start();
      this.#consumer = consumer;
      void consumer.closed.then((error) => {
        if (this.#consumer === consumer) this.#consumer = undefined;
        this.#fail(new HoldfastError("UNKNOWN", `no answer can come any more: ${error?.message}`));
      });
    }
    return this.#consumer.queue;
  }

  /** An answer that nobody waits for is acked all the same. */
  #settle({ correlationId = "", event, body }: Delivery): void {
    const open = this.#open.get(correlationId);
    if (event === DIED_EVENT) open?.reject(new HoldfastError("REQUEST_FAILED", `the request's message died: ${JSON.stringify(body)}`));
    else open?.resolve(body);
  }

  #fail(error: HoldfastError): void {
    for (const { reject } of this.#open.values()) reject(error);
  }

  get idle(): boolean {
    return true;
  }

  onReady(): void {}

  leave(): void {
    this.#fail(new HoldfastError("SHUTTING_DOWN", "request was not answered: this client is closed", false));
    const queue = this.#consumer?.queue;
    // Where that cannot be said now, the server removes the queue after a while.
    if (queue !== undefined && this.#connection.ready) this.#requests.send("holdfast:delete", { queue }).catch(() => {});
  }

  onRefused(error: HoldfastError): void {
    this.#fail(error);
  }
}
