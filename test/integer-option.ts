import { InvalidArgumentError } from "commander";

/** Reads an option of a test program: an integer of `least` or more. */
export const integer =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`${text} is not an integer of ${least} or more.`);
    return value;
  };
