import { type ErrorCode, HoldfastError } from "./errors.js";
import { QUEUE_PATTERN } from "./names.js";

/** Halves of surrogate pairs have no UTF-8: all become the same sign, so different texts would become one. */
export const HALF = /\p{Cs}/u;

/** `BAD_REQUEST` that names a value, whatever it is, and what is expected in its place. */
export function refusal(name: string, value: unknown, expected: string): HoldfastError {
  const shown =
    typeof value === "string" ? JSON.stringify(value) : typeof value === "object" && value !== null ? "an object" : String(value);
  return new HoldfastError("BAD_REQUEST", `${name} is ${shown}, expected ${expected}`);
}

/** `BAD_REQUEST` unless it is an object. */
export function checkOptions(options: unknown): void {
  if (typeof options !== "object" || options === null) throw refusal("options", options, "an object");
}

/** `BAD_REQUEST` unless it is a name of that form; without one, a name that a queue may have. */
export function checkName(what: string, name: unknown, pattern: RegExp = QUEUE_PATTERN): void {
  // A pattern would take `undefined` for the text that it is written as.
  if (typeof name !== "string" || !pattern.test(name)) throw refusal(what, name, pattern.source);
}

/** `BAD_REQUEST` unless `value` is a whole number from `min` to `max`, or not given. */
export function checkWhole(name: string, value: number | undefined, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw refusal(name, value, `whole, ${min} to ${max}`);
}

/** `BAD_REQUEST` where a function is among the arguments of an event: in an array JSON makes null of it, without a word. */
export function checkArgs(args: readonly unknown[]): void {
  const index = args.findIndex((arg) => typeof arg === "function");
  if (index >= 0) throw refusal(`args.${index}`, args[index], "JSON or bytes");
}

/** What `make` gives; `BAD_REQUEST` when it throws, because something of the application's cannot be read or written as JSON. */
export function asJson<Result>(name: string, make: () => Result): Result {
  try {
    return make();
  } catch (error) {
    throw error instanceof HoldfastError ? error : new HoldfastError("BAD_REQUEST", `${name} is no JSON: ${error}`);
  }
}

/** Throws an error with that code unless so many messages, of so many bytes in all, are within their limits. */
export function checkSize(code: ErrorCode, messages: number, bytes: number, messagesMax: number, bytesMax: number): void {
  if (messages <= messagesMax && bytes <= bytesMax) return;
  throw new HoldfastError(code, `${messages} messages of ${bytes} bytes, expected up to ${messagesMax} of ${bytesMax}`);
}
