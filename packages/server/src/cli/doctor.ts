import type { Command } from "commander";
import type { Examination, Examined, Finding } from "../doctor/finding.js";
import { EXIT, EXIT_CODES_HELP, withoutServer } from "./exit-codes.js";
import { bytes, table } from "./table.js";

const HELP = `
Reads all that a stopped server has stored, and says what is damaged or does not add up: every block and its CRC, the chain of
blocks, entries that belong to nothing, and the counts of every queue and room against what is there. It changes nothing that
is stored (LevelDB may put it into new files, so the directory must be one that can be written), unless --mend is given:
then counts are written as found, and what is damaged is taken out; what is lost by that is said as far as the rest tells it.
Before that the directory is copied beside itself. Exit code 1: something was found, and not all of it was mended.

Examples:
  $ holdfast doctor --directory ./holdfast-data
  $ holdfast doctor --directory ./holdfast-data --mend
${EXIT_CODES_HELP}`;

/** Damaged files of LevelDB, the journal behind them, what both had, and what came back by that. */
const MENDS_MAX = 5;

interface DoctorFlags {
  readonly directory: string;
  readonly json?: true;
  readonly mend?: true;
  readonly copy: boolean;
}

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Check what a stopped server has stored.")
    .requiredOption("-d, --directory <path>", "where the messages are")
    .option("--json", "a JSON object instead of a table")
    .option("--mend", "mend what can be mended")
    .option("--no-copy", "with --mend: make no copy of the directory before")
    .addHelpText("after", HELP)
    .action(doctor);
}

async function doctor({ directory, json, mend, copy }: DoctorFlags): Promise<void> {
  const { examineDirectory } = await import("../doctor/examine-directory.js");
  const found = await examineDirectory(directory).catch(withoutServer);
  const mended = mend === true && isMendable(found) ? await mendFound(directory, found, copy) : undefined;
  if (json) process.stdout.write(`${JSON.stringify(asJson(directory, found, mended))}\n`);
  else process.stdout.write(asText(directory, found, mended));
  if ((mended?.left ?? found).findings.length > 0) process.exitCode = EXIT.failure;
}

/** What mending came to. */
interface Mended {
  /** Where the copy is, if there is one. */
  readonly copy: string | undefined;
  /** What was found behind what was mended, and mended as well. */
  readonly behind: readonly Examination[];
  readonly left: Examination;
}

const isMendable = ({ findings }: Examination): boolean => findings.some(({ mend }) => mend !== undefined);

/** Where files are damaged, what lies behind them shows once they are mended. */
async function mendFound(directory: string, found: Examination, copies: boolean): Promise<Mended> {
  const { copyDirectory, examineDirectory, mendDirectory } = await import("../doctor/examine-directory.js");
  const copy = copies ? await copyDirectory(directory, new Date()) : undefined;
  const behind: Examination[] = [];
  for (let last = found; ; ) {
    await mendDirectory(directory, last.writes);
    const left = await examineDirectory(directory);
    if (!isMendable(left) || behind.length === MENDS_MAX - 1) return { copy, behind, left };
    behind.push(left);
    last = left;
  }
}

const shown = ({ findings }: Examination): object[] =>
  findings.map(({ of, what, mend }) => ({ ...(of !== undefined && { of }), what, mend }));

const asJson = (directory: string, found: Examination, mended: Mended | undefined): object => ({
  directory,
  version: found.version,
  journalRecords: found.journalRecords,
  examined: found.examined,
  findings: shown(found),
  ...(mended && { mended: { copy: mended.copy, behind: mended.behind.map(shown), left: shown(mended.left) } }),
});

const HEAD = ["", "blocks", "messages", "size", "members", "findings"];

function asText(directory: string, found: Examination, mended: Mended | undefined): string {
  const { version, journalRecords } = found;
  const lines = [
    version === undefined ? `${directory}:` : `${directory}: format version ${version}, ${journalRecords} records in the journal`,
  ];
  if (found.examined.length > 0) lines.push(table(HEAD, found.examined.map(cellsOf)));
  lines.push(...linesOf(found, mended?.left));
  if (found.findings.length === 0) lines.push("nothing was found");
  if (mended !== undefined) {
    lines.push(`mended; ${mended.copy === undefined ? "no copy was made before" : `as it was it is in ${mended.copy}`}`);
    for (const one of mended.behind) lines.push("behind that was found:", ...linesOf(one, mended.left));
    lines.push(mended.left.findings.length === 0 ? "nothing is found any more" : "left:", ...linesOf(mended.left));
  }
  return `${lines.join("\n")}\n`;
}

/** @param left what is left after mending, if that was asked for */
function linesOf({ findings }: Examination, left?: Examination): string[] {
  return findings.map((finding) => `- ${titleOf(finding)} (${remedyOf(finding, left)})`);
}

const titleOf = ({ of, what }: Finding): string => `${of === undefined ? "" : `${of}: `}${what}`;

function remedyOf(finding: Finding, left: Examination | undefined): string {
  if (finding.mend !== undefined) return left === undefined ? `--mend ${finding.mend}` : `mending ${finding.mend}`;
  const isLeft = left?.findings.some((one) => titleOf(one) === titleOf(finding)) ?? true;
  return isLeft ? "cannot be mended" : "it is not found any more, as something else was mended";
}

function cellsOf({ kind, namespace, name, blocks, messages, bytes: size, members, findings }: Examined): string[] {
  const numbers = [blocks, messages].map((count) => count.toLocaleString("en-US"));
  const counts = [members === undefined ? "-" : String(members), String(findings)];
  return [`${kind} ${namespace === "/" ? "" : `${namespace} `}${name}`, ...numbers, bytes(size), ...counts];
}
