import type { Command } from "commander";
import { EXIT_CODES_HELP, withoutServer } from "./exit-codes.js";

const HELP = `
The directory must be missing or empty. The whole file is checked before anything is written. What is restored begins a
life of its own: messages that were in flight come again, and no token of the server that was backed up fits.

Examples:
  $ holdfast restore --input orders.hfbackup --directory ./holdfast-data
${EXIT_CODES_HELP}`;

interface RestoreFlags {
  readonly input: string;
  readonly directory: string;
  readonly json?: true;
}

export function addRestore(program: Command): void {
  program
    .command("restore")
    .description("Make the directory of a server from a backup.")
    .requiredOption("-i, --input <file>", "the file that holdfast backup wrote")
    .requiredOption("-d, --directory <path>", "the directory to make")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", HELP)
    .action(restore);
}

async function restore({ input, directory, json }: RestoreFlags): Promise<void> {
  const { restoreDirectory } = await import("../backup/restore-directory.js");
  const { entries, at } = await restoreDirectory(input, directory).catch(withoutServer);
  const of = new Date(at).toISOString();
  const sentence = `${entries.toLocaleString("en-US")} entries as of ${of} restored to ${directory}`;
  process.stdout.write(`${json ? JSON.stringify({ directory, entries, at: of }) : sentence}\n`);
}
