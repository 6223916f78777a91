import { type Command, InvalidArgumentError } from "commander";
import type { MessageOptions } from "holdfast-client";
import { LIMITS } from "holdfast-client/protocol";
import { queueArgument, textArgument, wholeNumber } from "./arguments.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { repeated } from "./repeated.js";

/** Flags for what comes with a body, whatever the body is. */
export interface MessageFlags {
  readonly event?: string;
  readonly priority?: number;
  readonly header: readonly string[];
  readonly delayMs?: number;
  readonly ttlMs?: number;
}

/** And where its answer goes, for commands that do not wait for one themselves. */
export interface ReplyFlags {
  readonly replyTo?: string;
  readonly correlationId?: string;
}

/** @param whose what the flags are about, such as `every message` */
export function withMessageFlags(command: Command, whose: string): Command {
  return command
    .option("--event <name>", `event name of ${whose}`, textArgument(LIMITS.eventBytesMax))
    .option("--priority <level>", `priority of ${whose}, 0 to 9: higher is handed out first`, wholeNumber(0, LIMITS.priorityMax))
    .addOption(repeated("--header <name=value>", `header of ${whose}; may be repeated`, headerArgument))
    .option("--delay-ms <ms>", `deliver ${whose} only this long after it is stored`, wholeNumber(0, LIMITS.delayMsMax))
    .option("--ttl-ms <ms>", "and not once so long is over; 0: for ever (default: as the queue says)", wholeNumber(0, LIMITS.ttlMsMax));
}

/** @param whose as of `withMessageFlags` */
export function withReplyFlags(command: Command, whose: string): Command {
  return command
    .option("--reply-to <queue>", `queue for the answer to ${whose}`, queueArgument)
    .option("--correlation-id <id>", `id of the request that ${whose} is, or answers`, textArgument(LIMITS.idBytesMax));
}

/** What comes with each body. */
export function messageOptionsOf(flags: MessageFlags & ReplyFlags): Omit<MessageOptions, "id" | "key" | "notBefore"> {
  const { event, priority, delayMs, ttlMs, replyTo, correlationId } = flags;
  return { event, priority, headers: headersOf(flags.header), delayMs, ttlMs, replyTo, correlationId };
}

const HEADER = /^[^=]+=/;

function headerArgument(text: string): string {
  // The value of that name would be the prototype of what it is read into.
  if (HEADER.test(text) && !text.startsWith("__proto__=")) return text;
  throw new InvalidArgumentError("Expected NAME=VALUE.");
}

/** Headers by name; undefined without any. */
function headersOf(given: readonly string[]): Record<string, string> | undefined {
  if (given.length === 0) return undefined;
  const headers = new Map<string, string>();
  for (const header of given) {
    const end = header.indexOf("=");
    const name = header.slice(0, end);
    if (headers.has(name)) throw new CommandError(EXIT.usage, `--header ${name} is given more than once`);
    headers.set(name, header.slice(end + 1));
  }
  return Object.fromEntries(headers);
}
