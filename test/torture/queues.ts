import type { QueueSettings } from "../simulation/history.js";

/** A queue of a round. */
export interface RoundQueue {
  readonly name: string;
  readonly settings: QueueSettings;
}

/** A queue and where its dead letters go; leases and waits are short, so that a round sees the end of them. */
export function queueOf(name: string, settings: Partial<QueueSettings> = {}): RoundQueue {
  return {
    name,
    settings: {
      ordering: "none",
      leaseMs: 1_000,
      maxAttempts: 0,
      backoff: { type: "fixed", delayMs: 5, delayMaxMs: 5, jitter: 0 },
      poison: "dead-letter",
      deadLetter: `${name}.dead`,
      dedupWindowMs: 3_600_000,
      ...settings,
    },
  };
}

/** What a queue of dead letters has; it comes by itself. */
export const DEAD_SETTINGS: QueueSettings = {
  ordering: "none",
  leaseMs: 30_000,
  maxAttempts: 0,
  backoff: { type: "exponential", delayMs: 1_000, delayMaxMs: 300_000, jitter: 0.5 },
  poison: "dead-letter",
  deadLetter: false,
  dedupWindowMs: 600_000,
};
