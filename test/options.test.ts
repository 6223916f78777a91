import { InvalidArgumentError } from "commander";
import { expect, it } from "vitest";
import { integer } from "./integer-option.js";
import { minutesOf } from "./minutes-option.js";

it("reads an integer", () => {
  expect(integer(0)("0")).toBe(0);
  expect(integer(1)("250")).toBe(250);
});

it.each(["", " ", "1.5", "-1", "1e3", "0x10", "one", "9007199254740993"])("refuses what is no integer: '%s'", (text) => {
  expect(() => integer(0)(text)).toThrow(InvalidArgumentError);
});

it("refuses an integer that is too small", () => {
  expect(() => integer(1)("0")).toThrow("Expected an integer of 1 or more.");
});

it("reads minutes", () => {
  expect(minutesOf("0")).toBe(0);
  expect(minutesOf("0.5")).toBe(0.5);
  expect(minutesOf("60")).toBe(60);
});

it.each(["", " ", "-1", "1e3", ".", "Infinity", "an hour"])("refuses what is no number of minutes: '%s'", (text) => {
  expect(() => minutesOf(text)).toThrow(InvalidArgumentError);
});
