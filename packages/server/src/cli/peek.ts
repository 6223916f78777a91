import type { Command } from "commander";
import { admin } from "holdfast-client/admin";
import { queueArgument } from "./arguments.js";
import { withConnectionFlags } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { MESSAGE_COLUMNS } from "./message-columns.js";
import { type MessageListFlags, withMessageListFlags, writeMessages } from "./message-list.js";
import { pagesOf } from "./pages.js";

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

export function addPeek(program: Command): void {
  const command = withConnectionFlags(program.command("peek"))
    .description("Show messages of a queue without consuming them.")
    .argument("<queue>", "name of the queue", queueArgument);
  withMessageListFlags(command).addHelpText("after", HELP).action(peek);
}

const peek = (queue: string, flags: MessageListFlags): Promise<void> =>
  writeMessages(flags, MESSAGE_COLUMNS, (holdfast) => pagesOf((page) => admin(holdfast).queue(queue).peek(page), flags.after));
