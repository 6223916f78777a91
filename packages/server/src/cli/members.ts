import type { Command } from "commander";
import type { RoomMember } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { nameArgument, queueArgument, userArgument } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type ListFlags, writeList } from "./list.js";
import { pagesOf } from "./pages.js";
import { repeated } from "./repeated.js";
import { withRooms } from "./room-flags.js";

const HELP = `
Members are users, each with their devices, and queues, which the room feeds: a queue that is a member gets every message of the room.

Examples:
  $ holdfast members list kitchen
  $ holdfast members list kitchen --online
  $ holdfast members add kitchen ann bob
  $ holdfast members add kitchen --queue orders
  $ holdfast members remove kitchen bob
${EXIT_CODES_HELP}`;

const LIST_HELP = `
In the order in which they came. since: the sequence of the first message that is for them. With --online only users that are connected
now, with the names of these devices. With --json one object a member and line.

Examples:
  $ holdfast members list kitchen
  $ holdfast members list kitchen --online --json | jq -r .user
${EXIT_CODES_HELP}`;

const ADD_HELP = `
They get every message that is emitted from then on, users also what came while they were away. Who is a member stays one.

Examples:
  $ holdfast members add kitchen ann bob
  $ holdfast members add kitchen --queue orders
${EXIT_CODES_HELP}`;

const REMOVE_HELP = `
A user goes with all devices. What a queue got stays there.

Examples:
  $ holdfast members remove kitchen bob
  $ holdfast members remove kitchen --queue orders
${EXIT_CODES_HELP}`;

interface ChangeFlags extends ConnectionFlags {
  readonly queue: readonly string[];
}

type MembersFlags = ListFlags & { readonly online?: true };

type Member = { readonly user: string } | { readonly queue: string };

export function addMembers(program: Command): void {
  const members = program.command("members").description("List, add and remove the members of a durable room.");
  members.addHelpText("after", HELP);
  withConnectionFlags(members.command("list"))
    .description("List the members of a room, or those that are connected.")
    .argument("<room>", "name of the room", nameArgument)
    .option("--online", "only users that are connected now, with their devices")
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", LIST_HELP)
    .action(list);
  addChange(members, "add", "Make users or queues members of a room.", ADD_HELP);
  addChange(members, "remove", "End the membership of users or queues.", REMOVE_HELP);
}

function addChange(members: Command, verb: "add" | "remove", description: string, help: string): void {
  withConnectionFlags(members.command(verb))
    .description(description)
    .argument("<room>", "name of the room", nameArgument)
    .argument("[users...]", "users", (text: string, before: readonly string[] = []) => [...before, userArgument(text)])
    .addOption(repeated("--queue <queue>", "a queue; may be repeated", queueArgument))
    .addHelpText("after", help)
    .action(async (room: string, users: readonly string[] | undefined, { queue: queues, ...flags }: ChangeFlags) => {
      const changed: readonly Member[] = [...(users ?? []).map((user) => ({ user })), ...queues.map((queue) => ({ queue }))];
      if (changed.length === 0) throw new CommandError(EXIT.usage, "neither a user nor --queue is given, expected at least one");
      await withRooms(flags, async (holdfast) => {
        // One after the other, so that they stand in the list as they were given.
        for (const member of changed) await admin(holdfast).room(room)[verb](member);
      });
    });
}

async function list(room: string, flags: MembersFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withRooms(flags, (holdfast) => {
    const asked = admin(holdfast).room(room);
    const online = pagesOf((page) => asked.presence(page));
    const members = pagesOf((page) => asked.members(page));
    return flags.online ? writeList(writer, online, ONLINE_COLUMNS, flags) : writeList(writer, members, MEMBER_COLUMNS, flags);
  });
}

const MEMBER_COLUMNS = {
  head: ["member", "since", "devices", "kind", "online"],
  textFrom: 3,
  nothing: "no members",
  cellsOf: (member: RoomMember): string[] =>
    "user" in member
      ? [member.user, String(member.since), String(member.devices), "user", member.online ? "yes" : "no"]
      : [member.queue, String(member.since), "", "queue", ""],
};

const ONLINE_COLUMNS = {
  head: ["user", "devices"],
  textFrom: 1,
  nothing: "nobody is online",
  cellsOf: ({ user, devices }: { readonly user: string; readonly devices: readonly string[] }): string[] => [user, devices.join(" ")],
};
