import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import type { PeekedMessage } from "holdfast-client/admin";
import { wholeNumber } from "./arguments.js";
import { withServer } from "./connection.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type Columns, LIMIT_MAX, type ListFlags, writeList } from "./list.js";
import { PAGE } from "./pages.js";

/** Flags of commands that list messages by their sequence. */
export interface MessageListFlags extends ListFlags {
  readonly after: number;
  readonly limit: number;
}

const SEQUENCE_MAX = 0xffff_ffff_ffff;

export const withMessageListFlags = (command: Command): Command =>
  command
    .option("--after <sequence>", "only messages behind it", wholeNumber(0, SEQUENCE_MAX), 0)
    .option("--limit <count>", "how many at most", wholeNumber(1, LIMIT_MAX), PAGE)
    .option("--json", "JSON objects instead of a table");

/** Writes messages; on a terminal it says with which `--after` it goes on when `--limit` left some out. */
export async function writeMessages(
  flags: MessageListFlags,
  columns: Columns<PeekedMessage>,
  pagesOf: (holdfast: Holdfast) => AsyncIterable<readonly PeekedMessage[]>,
): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  let last = flags.after;
  const cellsOf = (message: PeekedMessage): readonly string[] => {
    last = message.sequence;
    return columns.cellsOf(message);
  };
  const isCut = await withServer(flags, (holdfast) => writeList(writer, pagesOf(holdfast), { ...columns, cellsOf }, flags));
  if (isCut && process.stdout.isTTY) process.stderr.write(`more with --after ${last}\n`);
}
