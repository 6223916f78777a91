import { InvalidArgumentError } from "commander";
import { ROWS } from "./rows/index.js";

/** Reads numbers of rows, as in `1,3`. */
export function rowNumbers(text: string): number[] {
  const known = ROWS.map(({ number }) => number);
  return text.split(",").map((part) => {
    const number = Number(part);
    const expected = `expected some of ${known.join(", ")}`;
    if (!/^[1-9]\d*$/.test(part)) throw new InvalidArgumentError(`${JSON.stringify(part)} is no number of a row, ${expected}.`);
    if (!known.includes(number)) throw new InvalidArgumentError(`Row ${part} does not exist, ${expected}.`);
    return number;
  });
}
