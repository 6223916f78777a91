import type { Command } from "commander";
import type { RoomReceipts } from "holdfast-client";
import { type AdminRoom, admin } from "holdfast-client/admin";
import { nameArgument } from "./arguments.js";
import { withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type ListFlags, writeList } from "./list.js";
import { type RoomFlags, userOf, withRoomFlags } from "./room-flags.js";

const HELP = `
What became of a message with each member: delivered (a device of the user acknowledged it), pending, or failed (its devices let it run
out of deliveries). For who emitted it, and with a token for administrators of the room. With --json one object a user and line.
With --counts only how many they are: { "delivered", "pending", "failed" }.

Examples:
  $ holdfast receipts kitchen order-17
  $ holdfast receipts kitchen order-17 --user ann --counts --json
  $ holdfast receipts kitchen order-17 --json | jq -r 'select(.state == "pending") | .user'
${EXIT_CODES_HELP}`;

type ReceiptsFlags = ListFlags & RoomFlags & { readonly counts?: true };

export function addReceipts(program: Command): void {
  withRoomFlags(program.command("receipts"))
    .description("Show which members of a room have a message.")
    .argument("<room>", "name of the room", nameArgument)
    .argument("<id>", "id of the message")
    .option("--counts", "only how many")
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", HELP)
    .action(receipts);
}

async function receipts(room: string, id: string, flags: ReceiptsFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(
    flags,
    async (holdfast) => {
      const asked = admin(holdfast).room(room);
      if (!flags.counts) return writeList(writer, statesOf(asked, id), STATE_COLUMNS, flags);
      const { counts } = await asked.receipts(id, { limit: 1 });
      return writeList(writer, one(counts), COUNT_COLUMNS, flags);
    },
    undefined,
    { user: userOf(flags) },
  );
}

const STATES = ["delivered", "pending", "failed"] as const;

interface UserState {
  readonly user: string;
  readonly state: (typeof STATES)[number];
}

/** The most that a page of receipts has: the counts, which go through all users, come with each. */
const USERS_PER_PAGE = 1_000;

async function* statesOf(room: AdminRoom, id: string): AsyncGenerator<readonly UserState[]> {
  for (let after = 0; ; ) {
    const page = await room.receipts(id, { after, limit: USERS_PER_PAGE });
    yield STATES.flatMap((state) => page[state].map((user) => ({ user, state })));
    if (page.next === undefined) return;
    after = page.next;
  }
}

async function* one<Item>(item: Item): AsyncGenerator<readonly Item[]> {
  yield [item];
}

const STATE_COLUMNS = {
  head: ["user", "state"],
  textFrom: 1,
  nothing: "it is for nobody",
  cellsOf: ({ user, state }: UserState): string[] => [user, state],
};

const COUNT_COLUMNS = {
  head: [...STATES],
  textFrom: STATES.length,
  nothing: "",
  cellsOf: (counts: RoomReceipts["counts"]): string[] => STATES.map((state) => counts[state].toLocaleString("en-US")),
};
