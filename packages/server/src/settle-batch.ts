import { type ErrorReply, HoldfastError, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import { STALE } from "./consumers.js";
import { errorReply } from "./error-reply.js";

/** Is told the fate of one settlement: undefined when it took effect. */
export type Settled = (error: ErrorReply | undefined) => void;

/**
 * The settlements that a consumer makes in one turn of the event loop, sent to the engine together.
 *
 * @example
 * batch.add({ first: lease, count: 1, verb: "ack" }, (error) => error && countStale());
 */
export class SettleBatch {
  readonly #settle: (runs: readonly SettleRun[]) => Promise<readonly SettledRun[]>;
  #runs: { first: number; count: number; verb: SettleRun["verb"] }[] = [];
  /** One for each settlement, in order. */
  #waiting: Settled[] = [];

  constructor(settle: (runs: readonly SettleRun[]) => Promise<readonly SettledRun[]>) {
    this.#settle = settle;
  }

  /** Settles one lease. */
  add(run: SettleRun, settled: Settled): void {
    if (this.#waiting.length === 0) setImmediate(() => this.flush());
    this.#waiting.push(settled);
    const last = this.#runs.at(-1);
    if (run.verb === "ack" && last?.verb === "ack" && last.first + last.count === run.first) last.count++;
    else this.#runs.push({ ...run });
  }

  /** The engine began a new life: what was not sent yet is stale. */
  abandon(): void {
    const waiting = this.#waiting;
    this.#runs = [];
    this.#waiting = [];
    for (const settled of waiting) settled(STALE);
  }

  /** Sends what there is now, and not at the end of the turn. */
  flush(): void {
    const runs = this.#runs;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#runs = [];
    this.#waiting = [];
    void this.#send(runs, waiting);
  }

  async #send(runs: readonly SettleRun[], waiting: readonly Settled[]): Promise<void> {
    let at = 0;
    try {
      for (const { count, error } of await this.#settle(runs)) {
        for (const end = at + count; at < end; at++) waiting[at]?.(error);
      }
    } catch (error) {
      const reply = errorReply(HoldfastError.from(error));
      for (; at < waiting.length; at++) waiting[at]?.(reply);
    }
  }
}
