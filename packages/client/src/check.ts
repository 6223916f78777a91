import { HoldfastError } from "./errors.js";

/** `BAD_REQUEST` unless `value` is a whole number from `min` to `max`. */
export function checkWhole(name: string, value: number, min: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new HoldfastError("BAD_REQUEST", `${name} is ${value}, expected a whole number from ${min} to ${max}`);
}
