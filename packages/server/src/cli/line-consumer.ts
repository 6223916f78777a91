import type { Consumer, Delivery, Queue } from "holdfast-client";
import { lineOf } from "./line-of.js";
import type { LineWriter } from "./line-writer.js";
import type { Progress } from "./progress.js";

/** While the output takes nothing, leases are kept for so long. */
const EXTEND_FOR_MS = 43_200_000;

export interface LineConsumerOptions {
  readonly maxInFlight: number;
  /** End after so many messages; undefined: never. */
  readonly count: number | undefined;
  /** Whether a line says all about a message, or is its body. */
  readonly meta: boolean;
}

/**
 * Writes messages as lines and acknowledges each once its line is written.
 *
 * A reader that pauses stops the writes, and with them the acknowledgements: nothing more comes than `maxInFlight`
 * allows, and the leases of what is held are prolonged, so that a pause costs no attempts, for 12 hours.
 */
export class LineConsumer {
  readonly #writer: LineWriter;
  readonly #options: LineConsumerOptions;
  readonly #progress: Progress;
  readonly #consumer: Consumer;
  /** Deliveries not yet settled. */
  #held = 0;
  #taken = 0;
  #late = 0;
  #lastAt = performance.now();

  constructor(queue: Queue, writer: LineWriter, options: LineConsumerOptions, progress: Progress) {
    this.#writer = writer;
    this.#options = options;
    this.#progress = progress;
    const maxInFlight = Math.min(options.maxInFlight, options.count ?? options.maxInFlight);
    this.#consumer = queue.consume((delivery) => this.#take(delivery), { maxInFlight, extendForMs: EXTEND_FOR_MS });
  }

  /** Lines of messages whose lease was lost before they could be acknowledged; they come again. */
  get late(): number {
    return this.#late;
  }

  /** Milliseconds since a message was settled; 0 while one is held. */
  get idleMs(): number {
    return this.#held > 0 ? 0 : performance.now() - this.#lastAt;
  }

  /** Begins to count `idleMs` anew. */
  touch(): void {
    this.#lastAt = performance.now();
  }

  /** Resolves once it was stopped or has its `count`, and all it wrote is acknowledged; fails when the server ends it. */
  async run(): Promise<void> {
    const error = await this.#consumer.closed;
    if (error !== undefined) throw error;
  }

  /** Takes nothing more; what was written is acknowledged, the rest goes back to the queue. */
  stop(): void {
    void this.#consumer.cancel();
  }

  async #take(delivery: Delivery): Promise<void> {
    // A body that cannot be read throws here, and the message comes again until it is a dead letter.
    const line = lineOf(delivery, this.#options.meta);
    if (++this.#taken === this.#options.count) this.stop();
    this.#held++;
    try {
      await this.#writer.write(line);
      this.#progress.add(1);
      await delivery.ack().catch(() => this.#late++);
    } catch {
      // The output is broken: whoever watches it stops this.
      await delivery.release().catch(() => undefined);
    }
    this.#held--;
    this.touch();
  }
}
