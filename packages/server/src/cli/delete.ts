import type { Command } from "commander";
import { admin } from "holdfast-client/admin";
import { nameArgument, queueArgument } from "./arguments.js";
import { confirm } from "./confirm.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { withRooms } from "./room-flags.js";
import { targetOf } from "./target.js";

const HELP = `
A queue goes with every message in it, and its schedules; its consumers end. Its dead-letter queue stays. A room goes with its messages
and its members. On a terminal it asks first.

Examples:
  $ holdfast delete orders
  $ holdfast delete orders.dead --yes
  $ holdfast delete --room kitchen
${EXIT_CODES_HELP}`;

interface DeleteFlags extends ConnectionFlags {
  readonly room?: string;
  readonly yes?: true;
}

export function addDelete(program: Command): void {
  withConnectionFlags(program.command("delete"))
    .description("Remove a queue or a room with all that is in it.")
    .argument("[queue]", "name of the queue", queueArgument)
    .option("--room <room>", "a durable room instead", nameArgument)
    .option("--yes", "do not ask")
    .addHelpText("after", HELP)
    .action(remove);
}

async function remove(name: string | undefined, { room: roomName, yes, ...flags }: DeleteFlags): Promise<void> {
  const { queue, room } = targetOf(name, roomName);
  if (queue !== undefined) {
    await confirm(`Delete queue ${queue} and every message in it?`, yes);
    await withServer(flags, (holdfast) => admin(holdfast).queue(queue).delete());
  } else {
    await confirm(`Delete room ${room}, its messages and members?`, yes);
    await withRooms(flags, (holdfast) => admin(holdfast).room(room).delete());
  }
}
