import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { whyNotWritable } from "../file-to-write.js";
import type { Row, RowResult } from "./row.js";

/** What became of a row: that it was skipped is no success. */
export type Verdict = { readonly row: Row; readonly command: string } & (
  | { readonly skipped: string }
  | {
      readonly result: RowResult;
      readonly seconds: number;
      /** Why it was run again before this, each time. */
      readonly repeats?: readonly string[];
    }
);

export const failuresOf = ({ failures, late = [] }: RowResult): readonly string[] => [...failures, ...late];

const HEADING = "# Reliability";

const HEAD = `${HEADING}

What was done to prove that nothing is lost, and what came of it. \`npm run torture\` writes this file: each line stands for
the last run of its row. *met*: the target was reached and nothing was wrong. *clean*: nothing was wrong, with less than
the target asks for. *failed*: something was wrong. *skipped*: the row could not run, so it says nothing. A row that was too
late and broke nothing is run again if the machine stood still meanwhile, and its figure says so.

A server and its clients are processes of their own; each client writes down what it did and saw, and one checker judges
the histories of all by the promises of the protocol (\`test/simulation/checker\`). A run in which too little went wrong
(kills in flight, redeliveries, refused acknowledgements) fails as well.

| # | Test | Method | Target | Figure | Verdict | Command | When, with what |
|---|---|---|---|---|---|---|---|
`;

const ROW = /^\| (\d+) \|/;

const GIB = 2 ** 30;

export const wordFor = (verdict: Verdict): string => {
  if ("skipped" in verdict) return "skipped";
  const { failures, late = [], complete } = verdict.result;
  if (failures.length + late.length > 0) return "failed";
  return complete ? "met" : "clean";
};

/** Why the report cannot be that file, in one line; undefined when it can. What is no report must not be replaced by one. */
export function whyNoReport(file: string): string | undefined {
  const why = whyNotWritable(file);
  if (why !== undefined || !statSync(file, { throwIfNoEntry: false })?.isFile()) return why;
  const [first = ""] = readFileSync(file, "utf8").split("\n", 1);
  return first.trim() === HEADING ? undefined : `${file} is no report, expected one that begins with "${HEADING}", or no file`;
}

/** Writes a row's line into the report, in the place of an older one. */
export function writeReport(file: string, verdicts: readonly Verdict[], version: string): void {
  const lines = new Map<number, string>();
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  for (const line of before.split("\n")) {
    const number = ROW.exec(line)?.[1];
    if (number !== undefined) lines.set(Number(number), line);
  }
  for (const verdict of verdicts) lines.set(verdict.row.number, lineOf(verdict, version));
  const rows = [...lines].sort(([a], [b]) => a - b).map(([, line]) => line);
  writeFileSync(file, `${HEAD}${rows.join("\n")}\n`);
}

function lineOf(verdict: Verdict, version: string): string {
  const { row, command } = verdict;
  const repeats = "skipped" in verdict ? [] : (verdict.repeats ?? []);
  const repeated = repeats.length === 0 ? "" : `; run again ${repeats.length} times: ${repeats.join("; ")}`;
  const figure = "skipped" in verdict ? verdict.skipped : `${verdict.result.figure}; ${Math.round(verdict.seconds)} s${repeated}`;
  const failed = "skipped" in verdict ? undefined : failuresOf(verdict.result)[0];
  const word = failed === undefined ? wordFor(verdict) : `failed: ${failed.split("\n")[0]}`;
  const cells = [row.number, row.title, row.method, row.target, figure, word, `\`${command}\``, circumstances(version)];
  return `| ${cells.map((cell) => cellOf(String(cell))).join(" | ")} |`;
}

/** Whatever the text, a cell is one line and ends where it should. */
const cellOf = (text: string): string =>
  text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .replaceAll("|", "\\|");

function circumstances(version: string): string {
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} cores, ${Math.round(totalmem() / GIB)} GiB`;
  return `${date}, Holdfast ${version}, Node.js ${process.versions.node}, ${type()} ${release().split("-")[0]}, ${machine}`;
}
