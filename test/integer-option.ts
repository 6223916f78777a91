import { InvalidArgumentError } from "commander";

/** Reads an option of a test program: an integer of `least` or more, in digits. */
export const integer =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected an integer of ${least} or more.`);
    return value;
  };
