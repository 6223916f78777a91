import type { Command } from "commander";
import { LIMITS } from "holdfast-client/protocol";
import { queueArgument, wholeNumber } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";

const HELP = `
Each line of standard input is one message: a JSON value, or with --text the line itself. Empty lines are passed over,
except with --text. The command ends once every message is stored. While the server restarts it waits and sends again;
what was stored already is recognised and not stored twice. A run of the command that was ended and is repeated
publishes again, unless --id-field names a field that identifies a message.

Examples:
  $ echo '{"item":"cod"}' | holdfast publish orders
  $ holdfast publish orders --id-field orderId < orders.ndjson
  $ journalctl -f -o json | holdfast publish journal --skip-invalid
  $ find / -xdev | holdfast publish files --text
  $ holdfast publish calls --priority 9 < urgent.ndjson
  $ echo '{"remind":"bob"}' | holdfast publish reminders --delay-ms 3600000 --ttl-ms 86400000
${EXIT_CODES_HELP}`;

interface PublishFlags extends ConnectionFlags {
  readonly text?: true;
  readonly event?: string;
  readonly priority?: number;
  readonly idField?: string;
  readonly keyField?: string;
  readonly delayMs?: number;
  readonly ttlMs?: number;
  readonly skipInvalid?: true;
  readonly json?: true;
}

export function addPublish(program: Command): void {
  withConnectionFlags(program.command("publish"))
    .description("Publish the lines of standard input to a queue.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--text", "lines are texts, not JSON")
    .option("--event <name>", "event name of every message")
    .option("--priority <level>", "priority of every message, 0 to 9: higher is handed out first", wholeNumber(0, LIMITS.priorityMax))
    .option("--id-field <name>", "field of the JSON object that is the message's id: published again, it is stored once")
    .option("--key-field <name>", "field of the JSON object that is the message's ordering key")
    .option("--delay-ms <ms>", "deliver each message only this long after it is stored", wholeNumber(0, LIMITS.delayMsMax))
    .option("--ttl-ms <ms>", "and not once so long is over; 0: for ever (default: as the queue says)", wholeNumber(0, LIMITS.ttlMsMax))
    .option("--skip-invalid", "pass over lines that are not what they should be, instead of ending")
    .option("--json", "write each receipt to standard output, one JSON object a line")
    .addHelpText("after", HELP)
    .action(publish);
}

async function publish(name: string, flags: PublishFlags): Promise<void> {
  const { text = false, event, priority, idField, keyField, delayMs, ttlMs } = flags;
  if (text && (idField ?? keyField) !== undefined) {
    throw new CommandError(EXIT.usage, "--id-field and --key-field are for JSON lines, --text lines have no fields");
  }
  const form = { text, event, priority, idField, keyField, delayMs, ttlMs };
  const { publishLines } = await import("./publish-lines.js");
  await publishLines("published", name, form, flags, (holdfast) => holdfast.queue(name));
}
