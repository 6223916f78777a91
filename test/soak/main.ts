import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InvalidArgumentError, program } from "commander";
import { obey } from "../command-line.js";
import { whyNotWritable } from "../file-to-write.js";
import { integer } from "../integer-option.js";
import { leaveNothing, temporaryDirectory } from "../leftovers.js";
import { minutesOf } from "../minutes-option.js";
import { Progress } from "../progress.js";
import { Random } from "../simulation/random.js";
import { drawChart } from "./chart.js";
import { verdictOf } from "./measure.js";
import { soak } from "./soak.js";
import { summaryOf } from "./summary.js";

const OUTPUT = fileURLToPath(new URL("../../test-output/soak", import.meta.url));
const MINUTES = 60;

interface Options {
  readonly minutes: number;
  readonly seed: number;
  readonly output: string;
}

function someMinutes(text: string): number {
  const value = minutesOf(text);
  if (value === 0) throw new InvalidArgumentError("Expected more than 0.");
  return value;
}

/** Makes the directory, if it is not there; gives the reason when that may not be. */
function whyNoOutput(output: string): string | undefined {
  try {
    mkdirSync(output, { recursive: true });
    return undefined;
  } catch (error) {
    return `${output} is no directory, and cannot be made one: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function run({ minutes, seed, output }: Options): Promise<void> {
  const [samples, picture] = [join(output, "samples.csv"), join(output, "soak.svg")];
  const why = whyNoOutput(output) ?? whyNotWritable(samples) ?? whyNotWritable(picture);
  if (why !== undefined) program.error(`error: --output: ${why}`);
  const { path: directory, remove } = temporaryDirectory("holdfast-soak-");
  try {
    const progress = new Progress();
    const result = await soak({ minutes, random: new Random(seed), directory, samples, progress: (text) => progress.tell(text) });
    const title = `Soak: ${summaryOf(result)}`;
    writeFileSync(picture, drawChart({ title, measured: result.measured, marks: result.marks }));
    progress.clear();
    say(title);
    for (const one of result.measured) say(`${one.measure.name.padEnd(28)} ${verdictOf(one)}`);
    for (const failure of result.failures) say(failure);
    say(`${samples}\n${picture}`);
    if (result.failures.length > 0) process.exitCode = 1;
  } finally {
    remove();
  }
}

const HELP = `
Exit codes:
  0  nothing was wrong
  1  something was wrong
  2  a bad flag or argument

Example:
  $ npm run soak -- --minutes 10 --output /tmp/soak
`;

program
  .name("npm run soak --")
  .description("Loads a server for long, with kills and restarts; fails when something is lost, or when it needs more and more.")
  .option("--minutes <n>", "for how long", someMinutes, MINUTES)
  .option("--seed <n>", "what chance begins with", integer(0), 1)
  .option("--output <directory>", "where the samples and the picture of them go", OUTPUT)
  .addHelpText("after", HELP)
  .action(run);

leaveNothing();
await obey(program);
