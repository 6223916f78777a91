import { type Command, InvalidArgumentError, Option } from "commander";
import { admin } from "holdfast-client/admin";
import { LIMITS } from "holdfast-client/protocol";
import type { QueueOptionsInput } from "../options.js";
import { nameArgument, queueArgument, wholeNumber } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { withRooms } from "./room-flags.js";
import { targetOf } from "./target.js";

const HELP = `
Options that are not given keep their value; what does not exist is created. A room has --poison, --max-age-ms, --max-messages and
--max-bytes; a queue all but these three.

Examples:
  $ holdfast define orders --lease-ms 60000 --max-attempts 10
  $ holdfast define orders --ordering key --poison block
  $ holdfast define orders --backoff exponential:1000:300000
  $ holdfast define orders --backoff fixed:5000 --dead-letter orders.failed
  $ holdfast define orders --backoff list:1000:10000:60000
  $ holdfast define clicks --dead-letter none
  $ holdfast define clicks --depth-max 100000 --overflow dead-letter-oldest
  $ holdfast define alerts --ttl-ms 60000
  $ holdfast define mails --rate-per-second-max 20
  $ holdfast define calls --priorities 3
  $ holdfast define --room kitchen --max-age-ms 86400000 --max-messages 100000
${EXIT_CODES_HELP}`;

interface RetentionFlags {
  readonly maxAgeMs?: number;
  readonly maxMessages?: number;
  readonly maxBytes?: number;
}

type DefineFlags = ConnectionFlags & QueueOptionsInput & RetentionFlags & { readonly room?: string };

const WEEK_MS = 604_800_000;
const ROOM_AGE_MS_MAX = 315_360_000_000;

export function addDefine(program: Command): void {
  withConnectionFlags(program.command("define"))
    .description("Create a queue or a room, or change its options.")
    .argument("[queue]", "name of the queue", queueArgument)
    .option("--room <room>", "a durable room instead", nameArgument)
    .addOption(new Option("--ordering <kind>", "none, key (in order per key) or fifo (all in order)").choices(["none", "key", "fifo"]))
    .addOption(
      new Option("--poison <policy>", "of a message out of attempts, in a room or where there is an order").choices([
        "dead-letter",
        "block",
      ]),
    )
    .option("--lease-ms <ms>", "how long a consumer has for a message", wholeNumber(LIMITS.leaseMsMin, LIMITS.leaseMsMax))
    .option("--max-attempts <number>", "deliveries before a message is a dead letter; 0: no limit", wholeNumber(0, 1_000_000))
    .option("--backoff <type:ms[:max[:jitter]]>", "wait before the next attempt: fixed, exponential or list", backoff)
    .option("--dead-letter <name>", "queue for dead letters; none: discard and count them", deadLetter)
    .option("--dedup-window-ms <ms>", "how long a chosen id is remembered", wholeNumber(0, WEEK_MS))
    .option("--ttl-ms <ms>", "time to live of messages published without one; 0: for ever", wholeNumber(0, LIMITS.ttlMsMax))
    .option("--depth-max <messages>", "messages that may wait or be in flight; 0: no limit", wholeNumber(0, 1_000_000_000_000))
    .option("--bytes-max <bytes>", "bytes of these messages; 0: no limit", wholeNumber(0, 999_999_999_999_999))
    .addOption(
      new Option("--overflow <way>", "what gives way at these limits: the publish, or the oldest message").choices([
        "reject",
        "dead-letter-oldest",
      ]),
    )
    .option("--rate-per-second-max <number>", "deliveries of the whole queue per second; 0: no limit", rate)
    .option("--priorities <number>", "levels of priority that messages may have", wholeNumber(1, LIMITS.priorityMax + 1))
    .option("--max-age-ms <ms>", "how long a room keeps messages; 0: for ever", wholeNumber(0, ROOM_AGE_MS_MAX))
    .option("--max-messages <messages>", "how many it keeps; 0: no limit", wholeNumber(0, 1_000_000_000_000))
    .option("--max-bytes <bytes>", "bytes that it keeps; 0: no limit", wholeNumber(0, 999_999_999_999_999))
    .addHelpText("after", HELP)
    .action(define);
}

async function define(name: string | undefined, flags: DefineFlags): Promise<void> {
  const { url, namespace, tokenFile, connectTimeoutMs, offlineTimeoutMs, room: roomName, ...options } = flags;
  const { queue, room } = targetOf(name, roomName);
  const { maxAgeMs, maxMessages, maxBytes, ...others } = options;
  const retention = { maxAgeMs, maxMessages, maxBytes };
  if (queue !== undefined) {
    refuse(retention, `queue ${queue}`);
    await withServer(flags, (holdfast) => holdfast.queue(queue).define(others));
  } else {
    const { poison, ...ofQueues } = others;
    refuse(ofQueues, `room ${room}`);
    await withRooms(flags, (holdfast) => admin(holdfast).room(room).define({ retention, poison }));
  }
}

/** Fails when one of these options was given. */
function refuse(options: Readonly<Record<string, unknown>>, of: string): void {
  const given = Object.keys(options).find((option) => options[option] !== undefined);
  if (given === undefined) return;
  const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new CommandError(EXIT.usage, `--${flag} is given for ${of}, which has no such option`);
}

const FORM = "Expected fixed:DELAY_MS, exponential:DELAY_MS[:MAX_MS[:JITTER]], jitter from 0 to 1, or list:DELAY_MS[:DELAY_MS...].";
const DELAYS_MAX = 100;

/** `exponential:1000:300000:0.5`, `list:1000:10000` */
export function backoff(text: string): NonNullable<QueueOptionsInput["backoff"]> {
  const [type, delay, max, jitter, ...more] = text.split(":");
  if (type === "list") return { type, delaysMs: delaysOf(text.split(":").slice(1)) };
  if ((type !== "fixed" && type !== "exponential") || delay === undefined || more.length > 0) throw new InvalidArgumentError(FORM);
  const milliseconds = wholeNumber(0, LIMITS.delayMsMax);
  return {
    type,
    delayMs: milliseconds(delay),
    ...(max !== undefined && { delayMaxMs: milliseconds(max) }),
    ...(jitter !== undefined && { jitter: share(jitter) }),
  };
}

function delaysOf(texts: readonly string[]): number[] {
  if (texts.length < 1 || texts.length > DELAYS_MAX) throw new InvalidArgumentError(FORM);
  return texts.map(wholeNumber(0, LIMITS.delayMsMax));
}

function rate(text: string): number {
  const value = /^\d{1,7}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value === 0 || (value >= 0.001 && value <= 1_000_000)) return value;
  throw new InvalidArgumentError("Expected 0 or a number from 0.001 to 1000000.");
}

function share(text: string): number {
  const value = /^\d(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError(FORM);
}

const deadLetter = (text: string): string | false => (text === "none" ? false : queueArgument(text));
