import { randomBytes } from "node:crypto";
import { DIED_EVENT, HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import type { Broker } from "./broker.js";
import type { Delivery } from "./delivery.js";
import type { QueueAddress } from "./engine.js";
import { keepAlive } from "./keep-alive.js";
import { type MessageOptions, publishOptions } from "./message.js";
import { QueueConsumer } from "./queue-consumer.js";
import type { Settings } from "./settings.js";
import { validate } from "./validate.js";

/** Requests of a namespace that may wait for their answers; more are `RATE_LIMITED`. */
const OPEN_MAX = 10_000;
const TIMEOUT_MS = 30_000;
const TIMEOUT_MS_MAX = 31_536_000_000;

const requestOptions = publishOptions.omit({ replyTo: true, correlationId: true }).extend({
  timeoutMs: z.int().min(0).max(TIMEOUT_MS_MAX).default(TIMEOUT_MS),
  signal: z.instanceof(AbortSignal).optional(),
});

/** What may come with a request. */
export interface RequestOptions extends Omit<MessageOptions, "replyTo" | "correlationId"> {
  /** How long the answer is waited for: 0 (for ever) to a year. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Gives the answer up. */
  readonly signal?: AbortSignal | undefined;
}

interface Open {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Requests of this process in one namespace: they share a reply queue, made when the first one needs it. */
class Requester {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #namespace: string;
  readonly #open = new Map<string, Open>();
  #count = 0;
  #reply: { readonly address: QueueAddress; readonly consumer: QueueConsumer } | undefined;

  constructor(broker: Broker, settings: Settings, namespace: string) {
    this.#broker = broker;
    this.#settings = settings;
    this.#namespace = namespace;
  }

  /** @param publish stores the request's message with the options given to it */
  async request(options: RequestOptions, publish: (options: MessageOptions) => Promise<unknown>): Promise<unknown> {
    const { timeoutMs, signal, ...rest } = validate(requestOptions, options, "options");
    this.#broker.assertOpen();
    if (signal?.aborted) throw new HoldfastError("ABORTED", "request was not sent: aborted");
    if (this.#open.size >= OPEN_MAX) throw new HoldfastError("RATE_LIMITED", `${OPEN_MAX} requests wait for their answers`);
    const correlationId = (++this.#count).toString(36);
    const giveUp = (why: string): void => {
      this.#open.get(correlationId)?.reject(new HoldfastError("UNKNOWN", `request was not answered: ${why}`));
    };
    const onAbort = (): void => giveUp("aborted");
    const { clock } = this.#settings;
    const cancel = timeoutMs > 0 ? clock.wakeAt(clock.now() + timeoutMs, () => giveUp(`${timeoutMs} ms are over`)) : undefined;
    signal?.addEventListener("abort", onAbort);
    const letGo = keepAlive();
    try {
      return await new Promise((resolve, reject) => {
        this.#open.set(correlationId, { resolve, reject });
        const sending = publish({ ...rest, replyTo: this.#replyQueue(), correlationId });
        sending.catch(reject);
      });
    } finally {
      this.#open.delete(correlationId);
      cancel?.();
      letGo();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The reply queue's name. Consuming it creates it before the message can be handed to anybody. */
  #replyQueue(): string {
    this.#reply ??= this.#consumeReplies();
    return this.#reply.address.queue;
  }

  #consumeReplies(): { readonly address: QueueAddress; readonly consumer: QueueConsumer } {
    const address = { namespace: this.#namespace, queue: `reply:${randomBytes(18).toString("base64url")}` };
    const onReply = (delivery: Delivery): void => this.#settle(delivery);
    const { limits } = this.#settings;
    const consumer = new QueueConsumer(
      this.#broker,
      this.#settings,
      address,
      onReply,
      { maxInFlight: limits.maxInFlightDefault, extendForMs: 0 },
      undefined,
    );
    const over = (error: HoldfastError): void => {
      if (this.#reply?.consumer === consumer) this.#reply = undefined;
      this.fail(error);
    };
    consumer.ready.catch((error: unknown) => over(HoldfastError.from(error)));
    void consumer.ended.then((reason) => over(new HoldfastError("UNKNOWN", `request was not answered: its reply queue ended: ${reason}`)));
    return { address, consumer };
  }

  /** An answer that nobody waits for is acked all the same. */
  #settle({ correlationId = "", event, body }: Delivery): void {
    const open = this.#open.get(correlationId);
    if (event === DIED_EVENT) open?.reject(new HoldfastError("REQUEST_FAILED", `the request's message died: ${JSON.stringify(body)}`));
    else open?.resolve(body);
  }

  fail(error: HoldfastError): void {
    for (const { reject } of this.#open.values()) reject(error);
  }

  get replyQueue(): QueueAddress | undefined {
    return this.#reply?.address;
  }
}

/** The requesters of all namespaces. */
export class Requesters {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #byNamespace = new Map<string, Requester>();

  constructor(broker: Broker, settings: Settings) {
    this.#broker = broker;
    this.#settings = settings;
  }

  of(namespace: string): Requester {
    let requester = this.#byNamespace.get(namespace);
    if (requester === undefined) {
      requester = new Requester(this.#broker, this.#settings, namespace);
      this.#byNamespace.set(namespace, requester);
    }
    return requester;
  }

  /** Fails the open requests, and returns the reply queues, which are to be removed. */
  stop(): QueueAddress[] {
    const requesters = [...this.#byNamespace.values()];
    for (const requester of requesters)
      requester.fail(new HoldfastError("SHUTTING_DOWN", "request was not answered: this server is shutting down"));
    return requesters.flatMap(({ replyQueue }) => replyQueue ?? []);
  }
}
