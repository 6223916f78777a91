import { type Command, InvalidArgumentError } from "commander";
import { admin, type ScheduleEntry } from "holdfast-client/admin";
import { LIMITS, NAME_PATTERN } from "holdfast-client/protocol";
import { queueArgument, textArgument } from "./arguments.js";
import { bodyOf } from "./body-argument.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { type ListFlags, writeList } from "./list.js";
import { type MessageFlags, messageOptionsOf, type ReplyFlags, withMessageFlags, withReplyFlags } from "./message-flags.js";
import { namedPagesOf } from "./pages.js";

const HELP = `
The server publishes by itself, also after a restart. Times that passed while it was down come as one message.

Examples:
  $ holdfast schedule set reports nightly '0 2 * * *' '{"kind":"sales"}' --timezone Europe/Berlin
  $ holdfast schedule list reports
  $ holdfast schedule remove reports nightly
${EXIT_CODES_HELP}`;

const SET_HELP = `
The pattern has five fields: minute hour day month weekday; six have the second before them. @hourly, @daily, @weekly,
@monthly and @yearly are patterns too. A schedule of the same name is replaced; the same again changes nothing.
It says when it publishes next.

Examples:
  $ holdfast schedule set reports nightly '0 2 * * *' '{"kind":"sales"}' --timezone Europe/Berlin
  $ holdfast schedule set orders tick '*/10 * * * * *' tick --text
  $ holdfast schedule set mails monday '30 8 * * MON' '{}' --event remind --key team
  $ holdfast schedule set checks hourly @hourly '{}' --ttl-ms 3600000 --header source=clock
${EXIT_CODES_HELP}`;

const LIST_HELP = `
With --json one object a schedule and line, with its message; times are milliseconds since 1970.

Examples:
  $ holdfast schedule list reports
  $ holdfast schedule list reports --json | jq -r 'select(.skipped > 0) | .name'
${EXIT_CODES_HELP}`;

const REMOVE_HELP = `
What it published stays in the queue.

Examples:
  $ holdfast schedule remove reports nightly
${EXIT_CODES_HELP}`;

interface SetFlags extends ConnectionFlags, MessageFlags, ReplyFlags {
  readonly timezone?: string;
  readonly text?: true;
  readonly key?: string;
  readonly json?: true;
}

export function addSchedule(program: Command): void {
  const schedule = program.command("schedule").description("Publish a message again and again, by a cron pattern.");
  schedule.addHelpText("after", HELP);
  const setting = withConnectionFlags(schedule.command("set"))
    .description("Create or replace a schedule.")
    .argument("<queue>", "the queue it publishes to", queueArgument)
    .argument("<name>", "name of the schedule", scheduleArgument)
    .argument("<cron>", "when it publishes")
    .argument("<body>", "what it publishes: a JSON value, or with --text the text itself")
    .option("--timezone <name>", "the zone whose clocks are meant, such as Europe/Berlin (default: UTC)")
    .option("--text", "the body is a text, not JSON")
    .option("--key <key>", "ordering key of each message", textArgument(LIMITS.keyBytesMax));
  withReplyFlags(withMessageFlags(setting, "each message"), "each message")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", SET_HELP)
    .action(set);
  withConnectionFlags(schedule.command("list"))
    .description("List the schedules of a queue.")
    .argument("<queue>", "the queue they publish to", queueArgument)
    .option("--json", "JSON objects instead of a table")
    .addHelpText("after", LIST_HELP)
    .action(list);
  withConnectionFlags(schedule.command("remove"))
    .description("End a schedule.")
    .argument("<queue>", "the queue it publishes to", queueArgument)
    .argument("<name>", "name of the schedule", scheduleArgument)
    .addHelpText("after", REMOVE_HELP)
    .action((queue: string, name: string, flags: ConnectionFlags) =>
      withServer(flags, (holdfast) => admin(holdfast).queue(queue).unschedule(name)),
    );
}

function scheduleArgument(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError("Expected 1 to 128 of A-Z a-z 0-9 . _ : -");
}

async function set(queue: string, name: string, cron: string, text: string, flags: SetFlags): Promise<void> {
  const { timezone, key, text: isText = false } = flags;
  const options = { ...messageOptionsOf(flags), key };
  const body = await bodyOf(text, isText);
  const writer = new LineWriter(openStdout(), () => undefined);
  const { next } = await withServer(flags, (holdfast) => admin(holdfast).queue(queue).schedule(name, { cron, timezone }, body, options));
  await writer.write(flags.json ? JSON.stringify({ queue, name, next }) : `next ${new Date(next).toISOString()}`);
}

async function list(queue: string, flags: ListFlags): Promise<void> {
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(flags, (holdfast) =>
    writeList(
      writer,
      namedPagesOf((page) => admin(holdfast).queue(queue).schedules(page)),
      SCHEDULE_COLUMNS,
      flags,
    ),
  );
}

const SCHEDULE_COLUMNS = {
  head: ["name", "published", "skipped", "next", "cron", "timezone"],
  textFrom: 3,
  nothing: "no schedules",
  cellsOf: ({ name, published, skipped, next, cron, timezone }: ScheduleEntry): string[] => [
    name,
    published.toLocaleString("en-US"),
    skipped.toLocaleString("en-US"),
    next === undefined ? "never" : new Date(next).toISOString(),
    cron,
    timezone,
  ],
};
