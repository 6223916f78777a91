import { type Command, InvalidArgumentError } from "commander";
import { nameArgument, wholeNumber } from "./arguments.js";
import { withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { FINISHING, Progress } from "./progress.js";
import { type RoomFlags, userOf, withRoomFlags } from "./room-flags.js";
import { RoomListener } from "./room-listener.js";
import { Interruption } from "./signals.js";

const HELP = `
Makes you a member of the room and writes each message as one line of standard output: { "event", "args" }. Bytes are
{ "$base64": "..." }. With --meta a line has "id", "room", "sequence", "redelivered" and "sender" besides.

A message is acknowledged only after its line was handed to the operating system. You stay a member when the command
ends, and the next one goes on where this one was: what came meanwhile is written first. Another command for the same
user and device takes over from this one.

Examples:
  $ holdfast join kitchen
  $ holdfast join kitchen --user bob --from earliest
  $ holdfast join kitchen --count 10 --meta | jq .
${EXIT_CODES_HELP}`;

interface JoinFlags extends RoomFlags {
  readonly device: string;
  readonly from: "new" | "earliest" | number;
  readonly count?: number;
  readonly meta?: true;
}

export function addJoin(program: Command): void {
  withRoomFlags(program.command("join"))
    .description("Join a durable room and write its messages to standard output, one JSON line each.")
    .argument("<room>", "name of the room", nameArgument)
    .option("--device <name>", "which of your devices this is", nameArgument, "cli")
    .option("--from <where>", "where a device that is new begins: new, earliest, or a sequence", fromArgument, "new")
    .option("--count <number>", "end after so many", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--meta", "lines with id, room and sequence, not only event and arguments")
    .addHelpText("after", HELP)
    .action(join);
}

function fromArgument(text: string): "new" | "earliest" | number {
  if (text === "new" || text === "earliest") return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected new, earliest, or a sequence.");
}

async function join(room: string, flags: JoinFlags): Promise<void> {
  const { device, from, count, meta = false } = flags;
  const interruption = new Interruption();
  const progress = new Progress(`from ${room}`);
  let listener: RoomListener | undefined;
  let broken: NodeJS.ErrnoException | undefined;
  const writer = new LineWriter(openStdout(), (error) => {
    broken = error;
    listener?.stop();
  });
  interruption.signal.addEventListener("abort", () => {
    progress.state(FINISHING);
    listener?.stop();
  });
  try {
    await withServer(
      flags,
      (holdfast) => {
        listener = new RoomListener(holdfast, writer, { room, from, count, meta }, progress);
        return listener.run();
      },
      (away) => progress.state(away ? "(waiting for the server)" : ""),
      { user: userOf(flags), device, meta: true },
    );
  } finally {
    progress.stop();
    interruption.dispose();
  }
  // A reader that closes the pipe has seen enough; anything else is a failure.
  if (broken !== undefined && broken.code !== "EPIPE") throw new CommandError(EXIT.failure, `standard output: ${broken.message}`);
  if (interruption.signal.aborted && count !== undefined) {
    throw new CommandError(EXIT.interrupted, `interrupted (${progress.count} written)`);
  }
}
