import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { admin, type PeekedMessage } from "holdfast-client/admin";
import { queueArgument } from "./arguments.js";
import { confirm } from "./confirm.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { jsonOf } from "./line-of.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type MessageListFlags, withMessageListFlags, writeMessages } from "./message-list.js";
import { pagesOf } from "./pages.js";
import { type CountFlags, tellCount } from "./upkeep.js";

const HELP = `
QUEUE is the queue that the messages were published to. Its dead letters lie in QUEUE.dead, unless it was defined
otherwise; other queues' letters there are not touched.

Examples:
  $ holdfast dead list orders
  $ holdfast dead show orders order-17
  $ holdfast dead redrive orders order-17 order-18
  $ holdfast dead redrive orders
  $ holdfast dead purge orders
${EXIT_CODES_HELP}`;

const LIST_HELP = `
With --after those behind that sequence, which is their place among the dead letters. With --json one object a letter and line, with
its body; bytes are { "$base64": "..." }.

Examples:
  $ holdfast dead list orders
  $ holdfast dead list orders --after 1200 --limit 10
  $ holdfast dead list orders --limit 1000 --json | jq -r 'select(.history.reason == "attempts") | .id'
${EXIT_CODES_HELP}`;

const SHOW_HELP = `
One JSON object for each letter with that id: its body, its fields, and in history where it was, why it died and when.

Examples:
  $ holdfast dead show orders order-17 | jq .history
${EXIT_CODES_HELP}`;

const REDRIVE_HELP = `
The messages go back to the end of their queue as they were published, with all their attempts; what a consumer of the
dead letters holds stays. When it ends early, run it again: it goes on with the rest.

Examples:
  $ holdfast dead redrive orders
  $ holdfast dead redrive orders order-17 order-18
${EXIT_CODES_HELP}`;

const PURGE_HELP = `
On a terminal it asks first.

Examples:
  $ holdfast dead purge orders
  $ holdfast dead purge orders --yes --json
${EXIT_CODES_HELP}`;

export function addDead(program: Command): void {
  const dead = program.command("dead").description("List, show, redrive and purge dead letters.").addHelpText("after", HELP);
  const listing = withConnectionFlags(dead.command("list"))
    .description("List the dead letters of a queue, the oldest first.")
    .argument("<queue>", "the queue they were published to", queueArgument);
  withMessageListFlags(listing).addHelpText("after", LIST_HELP).action(list);
  withConnectionFlags(dead.command("show"))
    .description("Show dead letters of a queue with all that is known of them.")
    .argument("<queue>", "the queue they were published to", queueArgument)
    .argument("<id>", "id of the message")
    .option("--json", "JSON objects, as without it")
    .addHelpText("after", SHOW_HELP)
    .action(show);
  withConnectionFlags(dead.command("redrive"))
    .description("Move dead letters back to their queue.")
    .argument("<queue>", "the queue they were published to", queueArgument)
    .argument("[ids...]", "only these messages, at most 1,000 (default: all)")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", REDRIVE_HELP)
    .action((queue: string, ids: string[], flags: CountFlags) =>
      tellCount(flags, queue, "redriven", (holdfast) =>
        admin(holdfast)
          .queue(queue)
          .redrive(ids.length > 0 ? { ids } : {}),
      ),
    );
  withConnectionFlags(dead.command("purge"))
    .description("Remove the dead letters of a queue.")
    .argument("<queue>", "the queue they were published to", queueArgument)
    .option("--yes", "do not ask")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", PURGE_HELP)
    .action(purge);
}

async function purge(queue: string, flags: CountFlags): Promise<void> {
  await confirm(`Remove every dead letter of queue ${queue}?`, flags.yes);
  await tellCount(flags, queue, "purged", (holdfast) => admin(holdfast).queue(queue).purgeDeadLetters());
}

const lettersOf = (holdfast: Holdfast, queue: string, after?: number): AsyncGenerator<readonly PeekedMessage[]> =>
  pagesOf((page) => admin(holdfast).queue(queue).deadLetters(page), after);

const list = (queue: string, flags: MessageListFlags): Promise<void> =>
  writeMessages(flags, LETTER_COLUMNS, (holdfast) => lettersOf(holdfast, queue, flags.after));

async function show(queue: string, id: string, flags: ConnectionFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(flags, async (holdfast) => {
    let found = 0;
    for await (const page of lettersOf(holdfast, queue)) {
      for (const letter of page) {
        if (letter.id !== id) continue;
        found++;
        await writer.write(jsonOf(letter));
      }
    }
    if (found === 0) throw new CommandError(EXIT.refused, `queue ${queue} has no dead letter with the id ${JSON.stringify(id)}`);
  });
}

const LETTER_COLUMNS = {
  head: ["id", "sequence", "attempts", "died", "reason", "error"],
  textFrom: 3,
  nothing: "no dead letters",
  cellsOf: ({ id, sequence, history }: PeekedMessage): string[] => {
    const died = history && new Date(history.deadAt).toISOString();
    return [id, sequence, history?.attempts, died, history?.reason, history?.error].map((value) => String(value ?? ""));
  },
};
