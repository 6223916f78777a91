import type { Consumer, Delivery, Queue } from "holdfast-client";
import { Latencies, type LatencySummary } from "./latencies.js";

export interface LoadOptions {
  readonly messages: number;
  /** Of a body as JSON, which is a text: its number in the load, and filling. */
  readonly bodyBytes: number;
  /** Messages on their way at a time, each from its publish until its receipt and its ack are there. */
  readonly window: number;
  /** Ordering keys that take turns; 0: messages have none. */
  readonly keys: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly receipt: LatencySummary;
  readonly delivery: LatencySummary;
}

/** Digits of the number at the beginning of a body. */
const DIGITS = 8;
const QUOTES = 2;
/** The least that a body may have. */
export const BODY_BYTES_MIN = DIGITS + QUOTES;

/** Publishes messages and acks them, as many at a time as its window says. */
export class Load {
  readonly #options: LoadOptions;
  readonly #onAcked: () => void;
  readonly #filling: string;
  readonly #publishedAt: Float64Array;
  /** By message: 1 for the first delivery, 1 for the receipt, 1 for the ack. */
  readonly #isDelivered: Uint8Array;
  readonly #isStored: Uint8Array;
  readonly #isAcked: Uint8Array;
  readonly #receipts: Latencies;
  readonly #deliveries: Latencies;
  #published = 0;
  #finished = 0;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #consumers: readonly Consumer[] = [];

  /** @param onAcked called for each message whose ack is on disk */
  constructor(options: LoadOptions, onAcked: () => void) {
    const { messages, bodyBytes } = options;
    this.#options = options;
    this.#onAcked = onAcked;
    this.#filling = "x".repeat(bodyBytes - BODY_BYTES_MIN);
    this.#publishedAt = new Float64Array(messages);
    this.#isDelivered = new Uint8Array(messages);
    this.#isStored = new Uint8Array(messages);
    this.#isAcked = new Uint8Array(messages);
    this.#receipts = new Latencies(messages);
    this.#deliveries = new Latencies(messages);
  }

  /**
   * Resolves once every message is stored and its ack is on disk; fails with what failed first, and when `stop` was called. Its
   * consumers go on until `cancel`.
   */
  async run(publisher: Queue<string>, queues: readonly Queue<string>[]): Promise<LoadResult> {
    const { messages, window } = this.#options;
    this.#consumers = queues.map((queue) => this.#consume(queue));
    const startedAt = performance.now();
    while (this.#finished < messages && this.#failure === undefined) {
      while (this.#published < messages && this.#published - this.#finished < window) void this.#publish(publisher);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    if (this.#failure !== undefined) throw this.#failure;
    return { seconds, receipt: this.#receipts.summary(), delivery: this.#deliveries.summary() };
  }

  /** Resolves once the server knows that nobody consumes any more: one that came later would make a deleted queue anew. */
  async cancel(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.cancel()));
  }

  stop(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  #consume(queue: Queue<string>): Consumer {
    const consumer = queue.consume((delivery) => this.#take(delivery), { maxInFlight: this.#options.window });
    void consumer.closed.then((error) => error && this.stop(error));
    return consumer;
  }

  async #publish(queue: Queue<string>): Promise<void> {
    const { keys } = this.#options;
    const index = this.#published++;
    const body = `${String(index).padStart(DIGITS, "0")}${this.#filling}`;
    this.#publishedAt[index] = performance.now();
    try {
      await queue.publish(body, keys === 0 ? {} : { key: `key-${index % keys}` });
      this.#receipts.add(this.#since(index));
      this.#isStored[index] = 1;
      this.#finish(index);
    } catch (error) {
      this.stop(error as Error);
    }
  }

  /** A message that comes again, after a lost connection, counts as delivered when it came first. */
  #take(delivery: Delivery<string>): void {
    const index = Number(delivery.body.slice(0, DIGITS));
    if (this.#isDelivered[index] === 0) this.#deliveries.add(this.#since(index));
    this.#isDelivered[index] = 1;
    delivery.ack().then(
      () => {
        if (this.#isAcked[index] === 1) return;
        this.#isAcked[index] = 1;
        this.#onAcked();
        this.#finish(index);
      },
      // Its lease was lost: it comes again.
      () => undefined,
    );
  }

  #since(index: number): number {
    return performance.now() - (this.#publishedAt[index] ?? 0);
  }

  #finish(index: number): void {
    if (this.#isStored[index] !== 1 || this.#isAcked[index] !== 1) return;
    this.#finished++;
    this.#wake?.();
  }
}
