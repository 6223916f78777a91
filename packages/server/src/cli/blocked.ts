import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { type AdminQueue, admin, type PeekedMessage } from "holdfast-client/admin";
import { queueArgument } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type ListFlags, writeList } from "./list.js";
import { MESSAGE_COLUMNS } from "./message-columns.js";
import { pagesOf } from "./pages.js";

const HELP = `
In a queue with an order and the policy "block" (holdfast define --poison block) a message out of attempts holds its key: nothing behind
it is handed out until it is retried or skipped. With ordering fifo the queue is held, and no key need be named.

Examples:
  $ holdfast blocked list orders
  $ holdfast blocked retry orders table-4
  $ holdfast blocked skip orders table-4
${EXIT_CODES_HELP}`;

const LIST_HELP = `
With --json one object a message and line, with its body.

Examples:
  $ holdfast blocked list orders
  $ holdfast blocked list orders --json | jq -r .key
${EXIT_CODES_HELP}`;

const RETRY_HELP = `
Examples:
  $ holdfast blocked retry orders table-4
  $ holdfast blocked list orders --json | jq -r '.key // empty' | xargs -n 1 holdfast blocked retry orders
${EXIT_CODES_HELP}`;

const SKIP_HELP = `
The message is a dead letter then, with the reason "skipped".

Examples:
  $ holdfast blocked skip orders table-4
${EXIT_CODES_HELP}`;

export function addBlocked(program: Command): void {
  const blocked = program.command("blocked").description("List, retry and skip messages that hold their ordering key.");
  blocked.addHelpText("after", HELP);
  withConnectionFlags(blocked.command("list"))
    .description("List the messages that hold their keys.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", LIST_HELP)
    .action(list);
  addAction(blocked, "retry", "Hand a blocked message out again, with all its attempts.", RETRY_HELP, (queue, key) => queue.retryKey(key));
  addAction(blocked, "skip", "Move a blocked message to the dead letters.", SKIP_HELP, (queue, key) => queue.skipKey(key));
}

function addAction(
  blocked: Command,
  name: string,
  description: string,
  help: string,
  act: (queue: AdminQueue, key: string | undefined) => Promise<void>,
): void {
  withConnectionFlags(blocked.command(name))
    .description(description)
    .argument("<queue>", "name of the queue", queueArgument)
    .argument("[key]", "the ordering key; with ordering fifo it may be left out")
    .addHelpText("after", help)
    .action((queue: string, key: string | undefined, flags: ConnectionFlags) =>
      withServer(flags, (holdfast) => act(admin(holdfast).queue(queue), key)),
    );
}

async function list(queue: string, flags: ListFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(flags, (holdfast) =>
    writeList(writer, blockedOf(holdfast, queue), { ...MESSAGE_COLUMNS, nothing: "nothing is blocked" }, flags),
  );
}

/** Messages that hold their keys: the queue is looked through until as many were found as its counts tell. */
async function* blockedOf(holdfast: Holdfast, queue: string): AsyncGenerator<readonly PeekedMessage[]> {
  let { blocked: left } = await holdfast.queue(queue).stats();
  if (left === 0) return;
  for await (const page of pagesOf((request) => admin(holdfast).queue(queue).peek(request))) {
    const found = page.filter(({ state }) => state === "blocked");
    yield found;
    left -= found.length;
    if (left <= 0) return;
  }
}
