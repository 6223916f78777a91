import type { QueueOptions } from "../options.js";

/** Where a message goes after a delivery that failed. */
export type Next = { readonly to: "dead" } | { readonly to: "ready"; readonly at: number };

/** Whether a message that had so many attempts gets no more of them: the limit may have been lowered while it waited. */
export const isSpent = ({ maxAttempts }: QueueOptions, attempts: number): boolean => maxAttempts > 0 && attempts >= maxAttempts;

/**
 * Decides what follows the failure of attempt number `attempt`.
 *
 * @param delayMs what the consumer asked for; undefined leaves it to the queue's backoff
 * @param random from 0 (included) to 1 (not); spreads the retries of messages that failed together
 */
export function afterFailure(attempt: number, options: QueueOptions, now: number, delayMs: number | undefined, random: () => number): Next {
  if (isSpent(options, attempt)) return { to: "dead" };
  return { to: "ready", at: now + (delayMs ?? backoffMs(attempt, options, random)) };
}

function backoffMs(attempt: number, { backoff }: QueueOptions, random: () => number): number {
  if (backoff.type === "list") return backoff.delaysMs[Math.min(attempt, backoff.delaysMs.length) - 1] ?? 0;
  const factor = backoff.type === "exponential" ? 2 ** Math.min(attempt - 1, 40) : 1;
  const delayMs = Math.min(backoff.delayMs * factor, backoff.delayMaxMs);
  return Math.round(delayMs * (1 - backoff.jitter * random()));
}
