import type { QueueSettings } from "../history.js";

/**
 * What a queue's options allow at most, over all that it had during the run. Options may change at any moment of a
 * call, so each rule is judged by the loosest of them; a queue that was never defined may do anything.
 */
export class LoosestSettings {
  readonly #defined: QueueSettings[] = [];
  leaseMsMin = 0;
  leaseMsMax = Number.POSITIVE_INFINITY;
  /** Infinity: no limit. */
  maxAttemptsMin = 1;
  maxAttemptsMax = Number.POSITIVE_INFINITY;
  dedupWindowMsMin = 0;
  dedupWindowMsMax = Number.POSITIVE_INFINITY;
  /** Changes only while the queue is empty; a run that changes it is not judged by its order. */
  ordering: QueueSettings["ordering"] = "none";
  /** Whether dead messages may have been discarded. */
  mayDiscard = true;
  /** Whether messages may have had to give way to others. */
  mayOverflow = false;
  /** Whether a message may have been too large for it. */
  mayBeTooSmall = false;
  /** Names of its dead-letter queues. */
  deadLetters: readonly string[] = [];

  add(options: QueueSettings): void {
    this.#defined.push(options);
    const all = this.#defined;
    this.leaseMsMin = Math.min(...all.map(({ leaseMs }) => leaseMs));
    this.leaseMsMax = Math.max(...all.map(({ leaseMs }) => leaseMs));
    this.maxAttemptsMin = Math.min(...all.map(limit));
    this.maxAttemptsMax = Math.max(...all.map(limit));
    this.dedupWindowMsMin = Math.min(...all.map(({ dedupWindowMs }) => dedupWindowMs));
    this.dedupWindowMsMax = Math.max(...all.map(({ dedupWindowMs }) => dedupWindowMs));
    this.ordering = all.every(({ ordering }) => ordering === options.ordering) ? options.ordering : "none";
    this.mayDiscard = all.some(({ deadLetter }) => deadLetter === false);
    this.mayOverflow = all.some(({ overflow }) => overflow === "dead-letter-oldest");
    this.mayBeTooSmall = all.some(({ bytesMax = 0 }) => bytesMax > 0);
    this.deadLetters = [...new Set(all.flatMap(({ deadLetter }) => (deadLetter === false ? [] : [deadLetter])))];
  }

  /** The least that a message waits after its delivery number `attempt` failed. */
  backoffMsMin(attempt: number): number {
    let least = this.#defined.length === 0 ? 0 : Number.POSITIVE_INFINITY;
    for (const { backoff } of this.#defined) {
      if (backoff.type === "list") {
        least = Math.min(least, backoff.delaysMs[Math.min(attempt, backoff.delaysMs.length) - 1] ?? 0);
        continue;
      }
      const factor = backoff.type === "exponential" ? 2 ** Math.min(attempt - 1, 40) : 1;
      const delayMs = Math.min(backoff.delayMs * factor, backoff.delayMaxMs);
      least = Math.min(least, Math.floor(delayMs * (1 - backoff.jitter)));
    }
    return least;
  }

  /** Whether the queue never had another policy. */
  always(poison: QueueSettings["poison"]): boolean {
    return this.#defined.length > 0 && this.#defined.every((options) => options.poison === poison);
  }
}

const limit = ({ maxAttempts }: QueueSettings): number => (maxAttempts === 0 ? Number.POSITIVE_INFINITY : maxAttempts);
