import type { Delivery } from "./delivery.js";
import { type ErrorCode, HoldfastError } from "./errors.js";
import { HandlerConsumer } from "./handler-consumer.js";
import type { Host } from "./host.js";
import type { MessageOptions, Receipt, RequestOptions, WaitOptions } from "./message.js";
import { DIED_EVENT } from "./names.js";
import { randomName } from "./random.js";
import { limitWait } from "./wait.js";

const TIMEOUT_MS = 30_000;
const OPEN_MAX = 10_000;

interface Open {
  resolve(result: unknown): void;
  reject(error: HoldfastError): void;
}

/** Requests that wait for their answers. They share a reply queue, which is made when the first one needs it. */
export class Requester {
  readonly #host: Host;
  readonly #open = new Map<string, Open>();
  #count = 0;
  #consumer: HandlerConsumer<unknown> | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** @param publish stores the message of the request */
  request(
    publish: (options: MessageOptions & WaitOptions) => Promise<Receipt>,
    { timeoutMs = TIMEOUT_MS, ...options }: RequestOptions = {},
  ): Promise<unknown> {
    const correlationId = String(++this.#count);
    let stop = (): void => {};
    return new Promise((resolve, reject) => {
      if (this.#open.size >= OPEN_MAX) throw new HoldfastError("OUTBOX_FULL", `${OPEN_MAX} requests are open`);
      const published = publish({ ...options, timeoutMs, replyTo: this.#replyQueue(), correlationId });
      this.#open.set(correlationId, { resolve, reject });
      published.catch(reject);
      // The publish ends with the same wait; when it failed, that says more.
      stop = limitWait(options.signal, timeoutMs, (why) => published.then(() => reject(unanswered("UNKNOWN", why)), reject));
    }).finally(() => {
      this.#open.delete(correlationId);
      stop();
    });
  }

  /** The name of the reply queue. To consume it creates it, and that is sent before any message of this turn. */
  #replyQueue(): string {
    if (this.#consumer === undefined) {
      const consumer = new HandlerConsumer(this.#host, `reply:${randomName(4)}`, {}, (delivery) => this.#settle(delivery)).start();
      this.#consumer = consumer;
      void consumer.closed.then((error) => this.#onClosed(consumer.queue, error));
    }
    return this.#consumer.queue;
  }

  /** An answer that nobody waits for is acked all the same. */
  #settle({ correlationId = "", event, body }: Delivery): void {
    const open = this.#open.get(correlationId);
    if (event === DIED_EVENT) open?.reject(unanswered("REQUEST_FAILED", `its message died: ${JSON.stringify(body)}`));
    else open?.resolve(body);
  }

  /** No answer can come any more: this client is closing, or the server ended the consumer. */
  #onClosed(queue: string, error: HoldfastError | undefined): void {
    this.#consumer = undefined;
    const code = error === undefined || error.code === "SHUTTING_DOWN" ? "SHUTTING_DOWN" : "UNKNOWN";
    const failure = unanswered(code, error?.message ?? "this client is closed");
    for (const { reject } of this.#open.values()) reject(failure);
    const { connection, requests } = this.#host;
    // Where that cannot be said now, the server removes the queue after a while.
    if (code === "SHUTTING_DOWN" && connection.ready) requests.send("holdfast:delete", { queue }).catch(() => {});
  }
}

const unanswered = (code: ErrorCode, why: string): HoldfastError =>
  new HoldfastError(code, `request was not answered: ${why}`, code === "UNKNOWN");
