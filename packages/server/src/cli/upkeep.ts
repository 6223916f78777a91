import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { queueArgument } from "./arguments.js";
import { confirm } from "./confirm.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";

const PURGE_HELP = `
Removes what waits and what consumers hold, which can no longer be settled; dead letters stay (holdfast dead purge).
On a terminal it asks first. When the connection is lost on the way it is not sent again.

Examples:
  $ holdfast purge orders
  $ holdfast purge orders --yes --json
${EXIT_CODES_HELP}`;

const PAUSE_HELP = `
The queue goes on taking messages, and deliveries under way go on. It stays paused when the server restarts.

Examples:
  $ holdfast pause orders
  $ holdfast pause orders --dead
  $ holdfast resume orders
${EXIT_CODES_HELP}`;

const RESUME_HELP = `
Examples:
  $ holdfast resume orders
  $ holdfast resume orders --dead
${EXIT_CODES_HELP}`;

interface PauseFlags extends ConnectionFlags {
  readonly dead?: true;
}

/** Flags of commands that tell a number, and may ask before they act. */
export interface CountFlags extends ConnectionFlags {
  readonly json?: true;
  readonly yes?: true;
}

export function addUpkeep(program: Command): void {
  withConnectionFlags(program.command("purge"))
    .description("Remove every message of a queue.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--yes", "do not ask")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", PURGE_HELP)
    .action(purge);
  withConnectionFlags(program.command("pause"))
    .description("Hand out no messages of a queue until it is resumed.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--dead", "its dead-letter queue instead")
    .addHelpText("after", PAUSE_HELP)
    .action((queue: string, { dead, ...flags }: PauseFlags) =>
      withServer(flags, (holdfast) => admin(holdfast).queue(queue).pause({ dead })),
    );
  withConnectionFlags(program.command("resume"))
    .description("Hand out messages of a paused queue again.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--dead", "its dead-letter queue instead")
    .addHelpText("after", RESUME_HELP)
    .action((queue: string, { dead, ...flags }: PauseFlags) =>
      withServer(flags, (holdfast) => admin(holdfast).queue(queue).resume({ dead })),
    );
}

async function purge(queue: string, flags: CountFlags): Promise<void> {
  await confirm(`Remove every message of queue ${queue}?`, flags.yes);
  await tellCount(flags, queue, "purged", (holdfast) => admin(holdfast).queue(queue).purge());
}

/** Does something to messages of a queue and says to how many. */
export async function tellCount(
  flags: CountFlags,
  queue: string,
  done: string,
  work: (holdfast: Holdfast) => Promise<number>,
): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  const count = await withServer(flags, work);
  await writer.write(flags.json ? JSON.stringify({ queue, count }) : `${done} ${count.toLocaleString("en-US")}`);
}
