import type { Holdfast } from "holdfast-client";
import { HoldfastError } from "holdfast-client/protocol";
import type { LineConsumer } from "./line-consumer.js";

const CHECK_MS = 100;
/** The queue's counts are asked for only after so long without a message. */
const QUIET_MS = 200;

export interface QuietOptions {
  /** Stop when no message came for so long. */
  readonly idleExitMs?: number;
  /** Stop when the queue holds nothing. */
  readonly untilEmpty?: boolean;
}

/** Stops a consumer when its queue has gone quiet; not while the server is away. */
export class QuietWatch {
  readonly #holdfast: Holdfast;
  readonly #queue: string;
  readonly #consumer: LineConsumer;
  readonly #options: QuietOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(holdfast: Holdfast, queue: string, consumer: LineConsumer, options: QuietOptions) {
    this.#holdfast = holdfast;
    this.#queue = queue;
    this.#consumer = consumer;
    this.#options = options;
    if (options.idleExitMs !== undefined || options.untilEmpty) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = setTimeout(() => void this.#check(), CHECK_MS);
  }

  async #check(): Promise<void> {
    const { idleExitMs = Number.POSITIVE_INFINITY, untilEmpty = false } = this.#options;
    const { idleMs } = this.#consumer;
    const quiet =
      this.#holdfast.socket.connected && (idleMs >= idleExitMs || (untilEmpty && idleMs >= QUIET_MS && (await this.#isEmpty())));
    if (quiet) this.#consumer.stop();
    else if (!this.#stopped) this.#arm();
  }

  /** Whether nothing waits, is delayed, or is in flight with anybody. */
  async #isEmpty(): Promise<boolean> {
    try {
      const { ready, inFlight, delayed, parked } = await this.#holdfast.queue(this.#queue).stats();
      return ready + inFlight + delayed + parked === 0;
    } catch (error) {
      if (error instanceof HoldfastError) return false;
      throw error;
    }
  }
}
