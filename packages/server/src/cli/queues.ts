import type { Command } from "commander";
import { withConnectionFlags } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { type NamesFlags, writeNames } from "./names.js";
import { counts, QUEUES, queueLabel } from "./resources.js";

const HELP = `
On a terminal a table with counts, else a name a line; with --json one object a queue and line. Counts of what happened
so far are in holdfast stats.

Examples:
  $ holdfast queues
  $ holdfast queues | grep dead
  $ holdfast queues --json | jq 'select(.paused) | .queue'
${EXIT_CODES_HELP}`;

export function addQueues(program: Command): void {
  withConnectionFlags(program.command("queues"))
    .description("List the queues of a namespace.")
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", HELP)
    .action((flags: NamesFlags) =>
      writeNames(QUEUES, flags, {
        head: ["ready", "in flight", "delayed", "consumers"],
        cellsOf: ({ name, stats }) => {
          const { ready, inFlight, delayed, consumers } = stats;
          return [queueLabel({ name, stats }), ...counts(ready, inFlight, delayed, consumers)];
        },
        shown: ({ ready, inFlight, delayed, consumers, paused }) => ({ ready, inFlight, delayed, consumers, paused }),
      }),
    );
}
