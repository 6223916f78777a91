import type { Command } from "commander";
import { LIMITS } from "holdfast-client/protocol";
import { queueArgument, wholeNumber } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { LineConsumer } from "./line-consumer.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { FINISHING, Progress } from "./progress.js";
import { QuietWatch } from "./quiet-watch.js";
import { Interruption } from "./signals.js";

const HELP = `
Each message is one line of standard output: its body as JSON. Bytes are { "$base64": "..." }. With --meta a line is
{ "id", "sequence", "attempt", "publishedAt", "event", "key", "headers", "replyTo", "correlationId", "priority", "history",
"body" }, without what the message does not have; history is that of a dead letter, priority is left out when it is 0.

A message is acknowledged only after its line was handed to the operating system. At least once: a command that is
killed between the two writes the line again when it runs again; --meta tells by id and attempt. What stands in a pipe
counts as written, so end with --count rather than with head.

With --until-empty several commands may share a queue: each stays until all is done, in case another is lost.
Without --count, --idle-exit-ms or --until-empty it goes on until SIGINT or SIGTERM; then it finishes what it wrote,
returns the rest to the queue and ends with 0. So it does when its reader closes the pipe.

Examples:
  $ holdfast consume orders
  $ holdfast consume orders --count 10 --meta | jq .
  $ holdfast consume orders --until-empty > orders.ndjson
  $ holdfast consume orders.dead --idle-exit-ms 1000
${EXIT_CODES_HELP}`;

interface ConsumeFlags extends ConnectionFlags {
  readonly maxInFlight: number;
  readonly count?: number;
  readonly idleExitMs?: number;
  readonly untilEmpty?: true;
  readonly meta?: true;
}

export function addConsume(program: Command): void {
  withConnectionFlags(program.command("consume"))
    .description("Write the messages of a queue to standard output, one JSON line each.")
    .argument("<queue>", "name of the queue", queueArgument)
    .option("--max-in-flight <number>", "messages held and not yet written", wholeNumber(1, LIMITS.maxInFlightMax), 100)
    .option("--count <number>", "end after so many", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--idle-exit-ms <ms>", "end when none came for so long", wholeNumber(1, 86_400_000))
    .option("--until-empty", "end when nothing waits, is delayed or is in flight anywhere")
    .option("--meta", "objects with id, sequence, attempt and the body, not only the body")
    .addHelpText("after", HELP)
    .action(consume);
}

async function consume(name: string, flags: ConsumeFlags): Promise<void> {
  const { maxInFlight, count, meta = false } = flags;
  const interruption = new Interruption();
  const progress = new Progress(`consumed from ${name}`);
  let consumer: LineConsumer | undefined;
  let broken: NodeJS.ErrnoException | undefined;
  const stop = (): void => consumer?.stop();
  const finish = (): void => {
    progress.state(FINISHING);
    stop();
  };
  const writer = new LineWriter(openStdout(), (error) => {
    broken = error;
    stop();
  });
  interruption.signal.addEventListener("abort", finish);
  const onState = (away: boolean): void => {
    progress.state(away ? "(waiting for the server)" : "");
    consumer?.touch();
  };
  try {
    await withServer(
      flags,
      async (holdfast) => {
        consumer = new LineConsumer(holdfast.queue(name), writer, { maxInFlight, count, meta }, progress);
        const watch = new QuietWatch(holdfast, name, consumer, flags);
        await consumer.run().finally(() => watch.stop());
      },
      onState,
    );
  } finally {
    progress.stop();
    interruption.dispose();
  }
  if (process.stderr.isTTY) process.stderr.write(`${progress.summary()}${lateNote(consumer)}\n`);
  // A reader that closes the pipe has seen enough; anything else is a failure.
  if (broken !== undefined && broken.code !== "EPIPE") throw new CommandError(EXIT.failure, `standard output: ${broken.message}`);
  if (interruption.signal.aborted && (count ?? flags.idleExitMs ?? flags.untilEmpty) !== undefined) {
    throw new CommandError(EXIT.interrupted, `interrupted (${progress.count} written)`);
  }
}

const lateNote = (consumer: LineConsumer | undefined): string =>
  consumer === undefined || consumer.late === 0 ? "" : `; ${consumer.late} lost their lease before they were written and come again`;
