import { InvalidArgumentError } from "commander";
import { expect, it } from "vitest";
import { rowNumbers } from "./row-numbers.js";
import { ROWS } from "./rows/index.js";

const KNOWN = ROWS.map(({ number }) => number).join(", ");

it("reads numbers of rows", () => {
  expect(rowNumbers("1")).toEqual([1]);
  expect(rowNumbers("3,28,1")).toEqual([3, 28, 1]);
});

it.each([
  ["20", "20"],
  ["1,99", "99"],
])("names the row that does not exist: %s", (text, number) => {
  expect(() => rowNumbers(text)).toThrow(`Row ${number} does not exist, expected some of ${KNOWN}.`);
});

it.each([
  ["", ""],
  ["1,", ""],
  ["1,,3", ""],
  ["01", "01"],
  ["1.5", "1.5"],
  ["1,1e0", "1e0"],
  ["-1", "-1"],
  ["kill", "kill"],
])("names what is no number of a row: '%s'", (text, part) => {
  expect(() => rowNumbers(text)).toThrow(InvalidArgumentError);
  expect(() => rowNumbers(text)).toThrow(`"${part}" is no number of a row, expected some of ${KNOWN}.`);
});
