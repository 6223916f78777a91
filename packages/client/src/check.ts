import { type ErrorCode, HoldfastError } from "./errors.js";
import { QUEUE_PATTERN } from "./names.js";

/** `BAD_REQUEST` unless it is a name that a queue may have. */
export function checkQueue(name: string): void {
  if (!QUEUE_PATTERN.test(name)) {
    throw new HoldfastError("BAD_REQUEST", `queue is ${JSON.stringify(name)}, expected ${QUEUE_PATTERN.source}`);
  }
}

/** `BAD_REQUEST` unless `value` is a whole number from `min` to `max`. */
export function checkWhole(name: string, value: number, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new HoldfastError("BAD_REQUEST", `${name} is ${value}, expected whole, ${min} to ${max}`);
}

/** Throws an error with that code unless so many messages, of so many bytes in all, are within their limits. */
export function checkSize(code: ErrorCode, messages: number, bytes: number, messagesMax: number, bytesMax: number): void {
  if (messages <= messagesMax && bytes <= bytesMax) return;
  throw new HoldfastError(code, `${messages} messages of ${bytes} bytes, expected up to ${messagesMax} of ${bytesMax}`);
}
