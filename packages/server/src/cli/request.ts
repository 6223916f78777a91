import { isUtf8 } from "node:buffer";
import type { Command } from "commander";
import { LIMITS } from "holdfast-client/protocol";
import { queueArgument, textArgument, wholeNumber } from "./arguments.js";
import { bodyOf } from "./body-argument.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { jsonOf } from "./line-of.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type MessageFlags, messageOptionsOf, withMessageFlags } from "./message-flags.js";
import { Interruption } from "./signals.js";

const HELP = `
The message is BODY, a JSON value, or with --text a text; without BODY it is all of standard input. The result, which is what
the handler that consumed the message returned, is written as one line of JSON; bytes are { "$base64": "..." }. The command fails
when the message dies, and when no result came in time: then a message that nobody took yet stays in its queue.

Examples:
  $ holdfast request prices '{"item":"cod"}'
  $ holdfast request prices cod --text --timeout-ms 5000
  $ holdfast request reports < query.json | jq .total
${EXIT_CODES_HELP}`;

interface RequestFlags extends ConnectionFlags, MessageFlags {
  readonly text?: true;
  readonly key?: string;
  readonly timeoutMs: number;
}

const DAY_MS = 86_400_000;
/** More than the largest body. */
const INPUT_BYTES_MAX = 1_048_576;

export function addRequest(program: Command): void {
  const command = withConnectionFlags(program.command("request"))
    .description("Publish a message and write the result of whoever consumes it.")
    .argument("<queue>", "name of the queue", queueArgument)
    .argument("[body]", "the message, as JSON (default: standard input)")
    .option("--timeout-ms <ms>", "how long to wait for the result; 0: for ever", wholeNumber(0, DAY_MS), 30_000)
    .option("--text", "the body is a text, not JSON")
    .option("--key <key>", "ordering key of the message", textArgument(LIMITS.keyBytesMax));
  withMessageFlags(command, "the message").addHelpText("after", HELP).action(request);
}

async function request(queue: string, given: string | undefined, flags: RequestFlags): Promise<void> {
  const { text = false, key, timeoutMs } = flags;
  const options = messageOptionsOf(flags);
  const body = given === undefined ? await bodyOf(await readInput(), text, "standard input", EXIT.badInput) : await bodyOf(given, text);
  const writer = new LineWriter(openStdout(), () => undefined);
  const interruption = new Interruption();
  const { signal } = interruption;
  try {
    const result = await withServer(flags, (holdfast) => holdfast.queue(queue).request(body, { ...options, key, timeoutMs, signal }));
    await writer.write(jsonOf(result));
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandError(EXIT.interrupted, "interrupted before the result came");
  } finally {
    interruption.dispose();
  }
}

/** All of standard input, without the line feed at its end. */
async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > INPUT_BYTES_MAX) throw new CommandError(EXIT.badInput, `standard input has more than ${INPUT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  if (!isUtf8(whole)) throw new CommandError(EXIT.badInput, "standard input is not UTF-8");
  return whole.toString("utf8").replace(/\r?\n$/, "");
}
