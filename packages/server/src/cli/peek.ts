import type { Command } from "commander";
import { admin, type PeekedMessage } from "holdfast-client/admin";
import { queueArgument, wholeNumber } from "./arguments.js";
import { withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { LIMIT_MAX, type ListFlags, writeList } from "./list.js";
import { MESSAGE_COLUMNS } from "./message-columns.js";
import { PAGE, pagesOf } from "./pages.js";

const HELP = `
Nothing is leased: consumers get every message all the same. The oldest come first; with --after those behind that sequence. On a
terminal bodies are cut to its width. With --json one object a message and line, with all that came with it; bytes are
{ "$base64": "..." }.

state: ready, in-flight (with a consumer), delayed, parked (behind others of its key) or blocked (out of attempts, and
holding its key: holdfast blocked).

Examples:
  $ holdfast peek orders
  $ holdfast peek orders --after 1200 --limit 10
  $ holdfast peek orders --json | jq -r 'select(.state == "in-flight") | .id'
  $ holdfast peek orders.dead
${EXIT_CODES_HELP}`;

interface PeekFlags extends ListFlags {
  readonly after: number;
  readonly limit: number;
}

const SEQUENCE_MAX = 0xffff_ffff_ffff;

export function addPeek(program: Command): void {
  withConnectionFlags(program.command("peek"))
    .description("Show messages of a queue without consuming them.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--after <sequence>", "only messages behind it", wholeNumber(0, SEQUENCE_MAX), 0)
    .option("--limit <count>", "how many at most", wholeNumber(1, LIMIT_MAX), PAGE)
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", HELP)
    .action(peek);
}

async function peek(queue: string, flags: PeekFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  let last = flags.after;
  const cellsOf = (message: PeekedMessage): string[] => {
    last = message.sequence;
    return MESSAGE_COLUMNS.cellsOf(message);
  };
  const isCut = await withServer(flags, (holdfast) =>
    writeList(
      writer,
      pagesOf((page) => admin(holdfast).queue(queue).peek(page), flags.after),
      { ...MESSAGE_COLUMNS, cellsOf },
      flags,
    ),
  );
  if (isCut && process.stdout.isTTY) process.stderr.write(`more with --after ${last}\n`);
}
