import { InvalidArgumentError } from "commander";

/** Reads an option of a test program: minutes, which may have a fraction. */
export function minutesOf(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value))
    throw new InvalidArgumentError("Expected a number of minutes, such as 5 or 0.5.");
  return value;
}
