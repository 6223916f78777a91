import { CommandRun } from "../crash/command.js";

interface Examination {
  readonly findings: readonly { readonly of?: string; readonly what: string }[];
}

/** Looks through the store of a stopped server as its owner would, with `holdfast doctor`; gives what it found, each a line. */
export async function examine(directory: string): Promise<string[]> {
  const run = new CommandRun<Examination>("doctor", "--directory", directory, "--json");
  const code = await run.exit();
  const [examination] = run.lines;
  if (examination === undefined) return [`holdfast doctor ended with ${code}: ${run.said}`];
  return examination.findings.map(({ of, what }) => `${of ?? "the store"}: ${what}`);
}
