import type { ErrorReply, HoldfastError } from "holdfast-client/protocol";

/** An error as it travels in a reply, with the time after which the same may be asked again, where it has one. */
export function errorReply(error: HoldfastError & { readonly retryAfterMs?: number }): ErrorReply & { readonly retryAfterMs?: number } {
  const { code, message, retryable, retryAfterMs } = error;
  return retryAfterMs === undefined ? { code, message, retryable } : { code, message, retryable, retryAfterMs };
}
