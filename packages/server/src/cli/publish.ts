import type { Command } from "commander";
import { queueArgument } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { type MessageFlags, messageOptionsOf, type ReplyFlags, withMessageFlags, withReplyFlags } from "./message-flags.js";

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
  $ holdfast publish orders --header source=shop --header trace=17 < orders.ndjson
  $ echo 12 | holdfast publish answers --correlation-id 7
${EXIT_CODES_HELP}`;

interface PublishFlags extends ConnectionFlags, MessageFlags, ReplyFlags {
  readonly text?: true;
  readonly idField?: string;
  readonly keyField?: string;
  readonly skipInvalid?: true;
  readonly json?: true;
}

export function addPublish(program: Command): void {
  const command = withConnectionFlags(program.command("publish"))
    .description("Publish the lines of standard input to a queue.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--text", "lines are texts, not JSON")
    .option("--id-field <name>", "field of the JSON object that is the message's id: published again, it is stored once")
    .option("--key-field <name>", "field of the JSON object that is the message's ordering key");
  withReplyFlags(withMessageFlags(command, "each message"), "each message")
    .option("--skip-invalid", "pass over lines that are not what they should be, instead of ending")
    .option("--json", "write each receipt to standard output, one JSON object a line")
    .addHelpText("after", HELP)
    .action(publish);
}

async function publish(name: string, flags: PublishFlags): Promise<void> {
  const { text = false, idField, keyField } = flags;
  if (text && (idField ?? keyField) !== undefined) {
    throw new CommandError(EXIT.usage, "--id-field and --key-field are for JSON lines, --text lines have no fields");
  }
  const form = { text, idField, keyField, options: messageOptionsOf(flags) };
  const { publishLines } = await import("./publish-lines.js");
  await publishLines("published", name, form, flags, (holdfast) => holdfast.queue(name));
}
