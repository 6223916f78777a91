import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { program } from "commander";
import { obey } from "../command-line.js";
import { integer } from "../integer-option.js";
import { leaveNothing, temporaryDirectory } from "../leftovers.js";
import { minutesOf } from "../minutes-option.js";
import { Progress } from "../progress.js";
import { Random } from "../simulation/random.js";
import { failuresOf, type Verdict, whyNoReport, wordFor, writeReport } from "./report.js";
import { isTimeout, type Row } from "./row.js";
import { rowNumbers } from "./row-numbers.js";
import { ROWS } from "./rows/index.js";
import { Standstill } from "./standstill.js";

const FAILURES_SHOWN = 10;
/** So often a row is run that is late while the machine stands still. */
const TIMES_MAX = 4;
const ROOT = new URL("../../", import.meta.url);
const REPORT = fileURLToPath(new URL("docs/reliability.md", ROOT));

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly only?: readonly number[];
  readonly report: string;
}

function versionOf(): string {
  const { version } = JSON.parse(readFileSync(new URL("packages/server/package.json", ROOT), "utf8")) as { readonly version: string };
  return version;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const progress = new Progress();

async function runRow(row: Row, scale: number, seed: number, command: string): Promise<Verdict> {
  const skipped = row.missing?.();
  if (skipped !== undefined) return { row, command, skipped };
  const { path: directory, remove } = temporaryDirectory(`holdfast-torture-${row.number}-`);
  const start = performance.now();
  try {
    const random = new Random(seed * 100 + row.number);
    const result = await row.run({ directory, random, scale, progress: (text) => progress.tell(`${row.number} ${row.title}: ${text}`) });
    return { row, command, result, seconds: (performance.now() - start) / 1_000 };
  } catch (error) {
    const failures = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    const wrong = isTimeout(error) ? { failures: [], late: failures } : { failures };
    return { row, command, result: { figure: "none", ...wrong, complete: false }, seconds: (performance.now() - start) / 1_000 };
  } finally {
    remove();
  }
}

function show(verdict: Verdict): void {
  progress.clear();
  const { row } = verdict;
  const figure = "skipped" in verdict ? verdict.skipped : `${verdict.result.figure} in ${Math.round(verdict.seconds)} s`;
  say(`${String(row.number).padStart(2)} ${wordFor(verdict).padEnd(7)} ${row.title}: ${figure}`);
  if ("skipped" in verdict) return;
  for (const failure of failuresOf(verdict.result).slice(0, FAILURES_SHOWN)) say(`     ${failure}`);
}

/**
 * Runs a row; again when it was only late while the machine stood still, for then nothing was in time. What broke a promise
 * counts however the machine was.
 */
async function runAwake(row: Row, ...args: readonly [scale: number, seed: number, command: string]): Promise<Verdict> {
  const repeats: string[] = [];
  for (;;) {
    const standstill = new Standstill();
    const verdict = await runRow(row, ...args);
    standstill.end();
    if ("skipped" in verdict) return verdict;
    const { failures, late: [late] = [] } = verdict.result;
    if (failures.length > 0 || late === undefined || standstill.ms === 0 || repeats.length + 1 === TIMES_MAX)
      return { ...verdict, repeats };
    const why = `the machine stood still for ${standstill.ms} ms, and ${late.split("\n")[0]}`;
    repeats.push(why);
    progress.clear();
    say(`${String(row.number).padStart(2)} again, as ${why}: ${row.title}`);
  }
}

async function torture({ minutes, seed, only, report }: Options): Promise<void> {
  const why = whyNoReport(report);
  if (why !== undefined) program.error(`error: --report: ${why}`);
  const rows = ROWS.filter((row) => only?.includes(row.number) ?? true);
  const fullMinutes = rows.reduce((sum, row) => sum + row.fullMinutes, 0);
  const scale = Math.min(1, minutes / fullMinutes);
  const given = only === undefined ? "" : ` --only ${only.join(",")}`;
  say(`${rows.length} rows at ${Math.round(scale * 1_000) / 10} % of their full figures, seed ${seed}`);
  const verdicts: Verdict[] = [];
  for (const row of rows) {
    const verdict = await runAwake(row, scale, seed, `npm run torture -- --minutes ${minutes} --seed ${seed}${given}`);
    show(verdict);
    verdicts.push(verdict);
    writeReport(report, verdicts, versionOf());
  }
  const words = verdicts.map(wordFor);
  const nothingRan = words.every((word) => word === "skipped");
  if (nothingRan) say("nothing ran: every row was skipped");
  if (nothingRan || words.includes("failed")) process.exitCode = 1;
}

const HELP = `
Rows:
${ROWS.map(({ number, title }) => `  ${String(number).padStart(2)}  ${title}`).join("\n")}

Exit codes:
  0  nothing was wrong
  1  something was wrong, or nothing ran
  2  a bad flag or argument

Examples:
  $ npm run torture -- --minutes 10
  $ npm run torture -- --only 1,3 --minutes 5 --seed 7 --report /tmp/reliability.md
`;

const fullMinutes = Math.ceil(ROWS.reduce((sum, row) => sum + row.fullMinutes, 0));

program
  .name("npm run torture --")
  .description("Does to a server what must not lose a message, and judges what became of it; writes docs/reliability.md.")
  .option("--minutes <n>", "how long that may take, about; figures are smaller with less", minutesOf, fullMinutes)
  .option("--seed <n>", "what chance begins with", integer(0), 1)
  .option("--only <rows>", "some rows alone, by their numbers: 1,3", rowNumbers)
  .option("--report <file>", "where the report goes", REPORT)
  .addHelpText("after", HELP)
  .action(torture);

leaveNothing();
await obey(program);
