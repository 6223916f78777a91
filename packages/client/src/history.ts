/**
 * Why a message is dead: `rejected` by a consumer, out of `attempts`, `skipped` by hand while it held its key, pushed out by a
 * later one (`overflow`), or `expired`.
 */
export type DeadReason = "rejected" | "attempts" | "skipped" | "overflow" | "expired";

/**
 * Where a dead letter comes from and why it is dead. Of one that died twice, of the second time.
 *
 * @example
 * for (const { id, history } of items) console.log(id, history?.reason, history?.error);
 */
export interface DeadLetterHistory {
  /** Of the queue it was in. */
  readonly namespace: string;
  readonly queue: string;
  /** Its position there. */
  readonly sequence: number;
  readonly reason: DeadReason;
  /** The last reason that a consumer gave with a `nack` or `reject`; left out when none did. */
  readonly error?: string | undefined;
  /** Of its last delivery there: 0 when it was never delivered. */
  readonly attempts: number;
  /** When it was stored there, in milliseconds since 1970 by the server's clock. */
  readonly publishedAt: number;
  /** When it moved to the dead letters, likewise. */
  readonly deadAt: number;
}
