import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Verdict, whyNoReport, writeReport } from "./report.js";
import type { Row, RowResult } from "./row.js";

const CELLS = 8;
const RESULT: RowResult = { figure: "7 kills", failures: [], complete: true };

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-report-"));
  file = join(directory, "reliability.md");
});

afterEach(() => rmSync(directory, { recursive: true }));

const row: Row = { number: 7, title: "Kills", method: "Kills.", target: "7 kills", fullMinutes: 1, run: async () => RESULT };
const command = "npm run torture -- --only 7";

const ran = (result: Partial<RowResult> = {}): Verdict => ({ row, command, result: { ...RESULT, ...result }, seconds: 3 });
const left = (skipped: string): Verdict => ({ row, command, skipped });

/** The cells of each row of the table. */
function table(...verdicts: Verdict[]): string[][] {
  writeReport(file, verdicts, "0.0.1");
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const rows = lines.slice(lines.findIndex((line) => line.startsWith("|---")) + 1);
  return rows.map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

it("a row is one line, whatever the reason for which it was skipped", () => {
  const cells = table(left("mount failed:\r\n\n  permission denied | try sudo\u0085\n"));
  expect(cells).toHaveLength(1);
  expect(cells[0]).toHaveLength(CELLS + 2);
  expect(cells[0]?.slice(5, 7)).toEqual(["mount failed: permission denied \\| try sudo", "skipped"]);
});

it("a row is one line, whatever its figure and its failures", () => {
  const cells = table(ran({ figure: "7 kills\nof 8", failures: ["lost | 1\n    at line 5"] }));
  expect(cells).toHaveLength(1);
  expect(cells[0]?.slice(5, 7)).toEqual(["7 kills of 8; 3 s", "failed: lost \\| 1"]);
});

it("a report may be a new file, or one that was a report", () => {
  expect(whyNoReport(file)).toBe(undefined);
  table(ran());
  expect(whyNoReport(file)).toBe(undefined);
});

it("a report is no directory, in one, and replaces nothing else", () => {
  expect(whyNoReport(directory)).toBe(`${directory} is a directory, expected a file`);
  const astray = join(directory, "nowhere", "reliability.md");
  expect(whyNoReport(astray)).toBe(`${astray} cannot be written: expected ${join(directory, "nowhere")} to be a directory`);
  for (const text of ["", "# Reliability of trains\n", "export {};\n"]) {
    writeFileSync(file, text);
    expect(whyNoReport(file)).toBe(`${file} is no report, expected one that begins with "# Reliability", or no file`);
  }
});
