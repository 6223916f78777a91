import type { Command } from "commander";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { namesOf, type Row, readRows } from "./stats.js";
import { table } from "./table.js";

const HELP = `
On a terminal a table with counts, else a name a line; with --json one object a queue and line. Counts of what happened
so far are in holdfast stats.

Examples:
  $ holdfast queues
  $ holdfast queues | grep dead
  $ holdfast queues --json | jq 'select(.paused) | .queue'
${EXIT_CODES_HELP}`;

interface QueuesFlags extends ConnectionFlags {
  readonly json?: true;
}

export function addQueues(program: Command): void {
  withConnectionFlags(program.command("queues"))
    .description("List the queues of a namespace.")
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", HELP)
    .action(queues);
}

async function queues(flags: QueuesFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(flags, async (holdfast) => {
    if (!flags.json && !process.stdout.isTTY) {
      for await (const names of namesOf(holdfast)) if (names.length > 0) await writer.write(names.join("\n"));
      return;
    }
    const rows = await readRows(holdfast, undefined);
    if (!flags.json) await writer.write(asTable(rows));
    else if (rows.length > 0) await writer.write(rows.map(asJson).join("\n"));
  });
}

const HEAD = ["queue", "ready", "in flight", "delayed", "consumers"];

function asTable(rows: readonly Row[]): string {
  if (rows.length === 0) return "no queues";
  const cells = rows.map(({ queue, stats: { ready, inFlight, delayed, consumers, paused } }) => [
    paused ? `${queue} (paused)` : queue,
    ...[ready, inFlight, delayed, consumers].map((count) => count.toLocaleString("en-US")),
  ]);
  return table(HEAD, cells);
}

const asJson = ({ queue, stats: { ready, inFlight, delayed, consumers, paused } }: Row): string =>
  JSON.stringify({ queue, ready, inFlight, delayed, consumers, paused });
