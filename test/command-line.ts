import { type Command, CommanderError } from "commander";

const BAD_FLAG = 2;

/** Runs a program of the tests as its command line says; a bad flag or argument ends it with 2, after a line that says why. */
export async function obey(program: Command): Promise<void> {
  try {
    await program.exitOverride().parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : BAD_FLAG;
  }
}
