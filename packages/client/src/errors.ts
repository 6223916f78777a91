/** Every code a Holdfast error can carry, the passing ones last. The list is closed: a client may switch over it. */
export const ERROR_CODES = [
  "BAD_REQUEST",
  "NOT_FOUND",
  "FORBIDDEN",
  "UNAUTHENTICATED",
  "TOO_LARGE",
  "ID_CONFLICT",
  "STALE_LEASE",
  "ABORTED",
  "REQUEST_FAILED",
  // From here on the same call may succeed unchanged. After `UNKNOWN` it is to be sent again with the same id.
  "QUEUE_FULL",
  "RATE_LIMITED",
  "DISK_FULL",
  "ENGINE_UNAVAILABLE",
  "SHUTTING_DOWN",
  "UNKNOWN",
  "OUTBOX_FULL",
  "PRODUCER_GAP",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Of the codes before it, after which the same call fails again. */
const FINAL_CODES = 9;

/** An error as it travels in a reply. */
export interface ErrorReply {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

/**
 * The one error class of Holdfast.
 *
 * @param code one of {@link ERROR_CODES}
 * @param message names the value received and the value expected
 * @param retryable whether the same call may succeed later; `false` means the message will never be delivered (promise P2)
 *
 * @example
 * try { await queue.publish(order) } catch (error) { if (error instanceof HoldfastError && error.retryable) await later(order) }
 */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly retryable: boolean = ERROR_CODES.indexOf(code) >= FINAL_CODES,
  ) {
    super(message);
  }

  /** The error of a reply, whatever a peer sent: an unknown code becomes `UNKNOWN`. */
  static from(reply: unknown): HoldfastError {
    const { code, message, retryable } = (reply ?? {}) as Partial<ErrorReply>;
    const known = ERROR_CODES.includes(code as ErrorCode) ? (code as ErrorCode) : "UNKNOWN";
    return new HoldfastError(known, String(message ?? code), retryable === true);
  }
}
