import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Verdict, writeReport } from "./report.js";
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
