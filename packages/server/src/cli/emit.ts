import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { LIMITS } from "holdfast-client/protocol";
import { nameArgument, userArgument, wholeNumber } from "./arguments.js";
import { withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import type { LineTarget } from "./publisher.js";
import { repeated } from "./repeated.js";
import { type RoomFlags, userOf, withRoomFlags } from "./room-flags.js";

const HELP = `
With arguments one event is emitted, each argument a JSON value or with --text a text. Without, each line of standard
input is one event whose only argument is the JSON value of the line; with --args the line is an array of arguments, with
--text the line itself is the argument. The command ends once everything is stored. While the server restarts it waits
and asks again; what was stored already is recognised and not stored twice.

Every member of the room gets it, you too if you are one.

Examples:
  $ holdfast emit kitchen order '{"table":4}'
  $ holdfast emit kitchen order --id-field orderId < orders.ndjson
  $ holdfast emit kitchen say hello --text --except-user bob
  $ echo '[]' | holdfast emit kitchen ping --args
${EXIT_CODES_HELP}`;

interface EmitFlags extends RoomFlags {
  readonly text?: true;
  readonly args?: true;
  readonly idField?: string;
  readonly ttlMs?: number;
  readonly except: readonly string[];
  readonly exceptUser: readonly string[];
  readonly skipInvalid?: true;
  readonly json?: true;
}

export function addEmit(program: Command): void {
  withRoomFlags(program.command("emit"))
    .description("Emit events to every member of a durable room.")
    .argument("<room>", "name of the room", nameArgument)
    .argument("<event>", "name of the event")
    .argument("[arguments...]", "arguments of one event, as JSON")
    .option("--text", "arguments and lines are texts, not JSON")
    .option("--args", "lines are arrays of arguments")
    .option("--id-field <name>", "field of the JSON object that is the message's id: emitted again, it is stored once")
    .option("--ttl-ms <ms>", "do not hand it out once so long is over", wholeNumber(0, LIMITS.ttlMsMax))
    .addOption(repeated("--except <room>", "not to members of this room; may be repeated", nameArgument))
    .addOption(repeated("--except-user <user>", "not to this user; may be repeated", userArgument))
    .option("--skip-invalid", "pass over lines that are not what they should be, instead of ending")
    .option("--json", "write each receipt to standard output, one JSON object a line")
    .addHelpText("after", HELP)
    .action(emit);
}

async function emit(room: string, event: string, given: readonly string[], flags: EmitFlags): Promise<void> {
  const { text = false, args = false, idField, ttlMs, except, exceptUser } = flags;
  const values = given.map((each, index) => (text ? each : parseArgument(each, index)));
  if (text && (args || idField !== undefined)) throw new CommandError(EXIT.usage, "--args and --id-field are for JSON, --text is none");
  const leftOut = [...except, ...exceptUser.map((user) => ({ user }))];
  const { RoomEmitter } = await import("./room-emitter.js");
  const options = { room, event, except: leftOut, asArguments: args || values.length > 0 };
  const targetOf = (holdfast: Holdfast): LineTarget => new RoomEmitter(holdfast, options);
  if (values.length > 0) return emitOnce(room, values, ttlMs, targetOf, flags);
  const { publishLines } = await import("./publish-lines.js");
  const form = { text, idField, keyField: undefined, options: { ttlMs } };
  await publishLines("emitted", room, form, flags, targetOf, { user: userOf(flags) });
}

function parseArgument(text: string, index: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new CommandError(EXIT.usage, `argument ${index + 1} is ${JSON.stringify(text)}, expected JSON; with --text it is a text`);
  }
}

async function emitOnce(
  room: string,
  values: readonly unknown[],
  ttlMs: number | undefined,
  targetOf: (holdfast: Holdfast) => LineTarget,
  flags: EmitFlags,
): Promise<void> {
  const send = (holdfast: Holdfast) => targetOf(holdfast).publish(values, { ttlMs });
  const receipt = await withServer(flags, send, undefined, { user: userOf(flags) });
  if (flags.json) await new LineWriter(openStdout(), () => undefined).write(JSON.stringify(receipt));
  else process.stderr.write(`emitted to ${room} as ${receipt.sequence}\n`);
}
