import type { EndedLeases } from "../core/consumer.js";
import type { Core } from "../core/core.js";
import type { Queue } from "../core/queue.js";
import type { CommitLoop } from "./commit-loop.js";

/** The life that work in several commits began in. */
export interface SteppingLife {
  readonly core: Core;
  readonly commits: CommitLoop;
  readonly isRunning: boolean;
  /** Fails when it is not the life of a running engine any more. */
  assertCurrent(): void;
  attempt<Result>(step: () => Result): Result;
  readEnded(): Promise<void>;
  turned(): void;
  fail(cause: unknown): Promise<void>;
  tellRevoked(ended: readonly EndedLeases[]): void;
}

/** What work in several commits asks of the life it began in. Its steps fail once that is over. */
export class Steps {
  readonly #life: SteppingLife;

  constructor(life: SteppingLife) {
    this.#life = life;
  }

  /** Runs a step of the core. */
  run<Result>(step: () => Result): Result {
    this.#life.assertCurrent();
    return this.#life.attempt(step);
  }

  /** Resolves once all that was done up to now is durable. */
  async durable(): Promise<void> {
    this.#life.assertCurrent();
    await this.#life.commits.caughtUp();
  }

  /** Resolves when the next read ahead ends, of whatever queue. */
  readEnded(): Promise<void> {
    return this.#life.readEnded();
  }

  /** Reads ahead that waited may start. */
  looked(queue: Queue): void {
    if (!this.#life.isRunning) return;
    this.#life.core.wanting.add(queue);
    this.#life.turned();
  }

  /** The store failed: this life is over. */
  failed(error: unknown): Promise<void> {
    return this.#life.fail(error);
  }

  /** Messages were purged that were in flight. */
  purged(ended: readonly EndedLeases[]): void {
    this.#life.tellRevoked(ended);
  }
}
