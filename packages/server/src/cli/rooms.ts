import type { Command } from "commander";
import { withConnectionFlags } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { type NamesFlags, writeNames } from "./names.js";
import { counts, ROOMS } from "./resources.js";
import { bytes } from "./table.js";

const HELP = `
On a terminal a table with counts, else a name a line; with --json one object a room and line. online: devices that are
connected now. All counts of a room are in holdfast stats --room, its members in holdfast members list.

Examples:
  $ holdfast rooms
  $ holdfast rooms | grep '^team-'
  $ holdfast rooms --json | jq 'select(.members == 0) | .room'
${EXIT_CODES_HELP}`;

export function addRooms(program: Command): void {
  withConnectionFlags(program.command("rooms"))
    .description("List the durable rooms of a namespace.")
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", HELP)
    .action((flags: NamesFlags) =>
      writeNames(ROOMS, flags, {
        head: ["messages", "members", "online", "size"],
        cellsOf: ({ name, stats }) => [name, ...counts(stats.messages, stats.members, stats.online), bytes(stats.bytes)],
        shown: ({ messages, members, online, bytes: size }) => ({ messages, members, online, bytes: size }),
      }),
    );
}
