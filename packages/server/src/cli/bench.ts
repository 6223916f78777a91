import { randomBytes } from "node:crypto";
import { availableParallelism, release, type } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Holdfast } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { LIMITS } from "holdfast-client/protocol";
import { wholeNumber } from "./arguments.js";
import { type ConnectionFlags, openClient, urlOption, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import type { LatencySummary } from "./latencies.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { BODY_BYTES_MIN, Load, type LoadResult } from "./load.js";
import { OwnServer } from "./own-server.js";
import { Progress } from "./progress.js";
import { Interruption } from "./signals.js";
import { table } from "./table.js";

const HELP = `
Publishes messages, consumes and acks them, and says how many went through in a second and how long it took from a publish to its
receipt, which means that the message is on disk, and to its delivery. At most --window messages are on their way, from the publish
until the ack is on disk: a small window shows how fast one message is, a large one how many get through.

Without --url it measures a server of its own, in a process beside this one, which ends with it. The queue is one of its own too,
and is deleted at the end, also after an interrupt. This one process publishes and consumes, so it may be busier than the server.
The disk counts: --directory on the one that you mean.

Examples:
  $ holdfast bench
  $ holdfast bench --window 1 --messages 2000
  $ holdfast bench --directory /var/lib --ordering key --keys 1000 --consumers 4
  $ holdfast bench --url http://127.0.0.1:3000 --body-bytes 1024 --json | jq .messagesPerSecond
${EXIT_CODES_HELP}`;

const MESSAGES_MAX = 1_000_000;
const BODY_BYTES_MAX = 200_000;
const KEYS_DEFAULT = 100;
/** How long the queue may take to be deleted when something went wrong, the server perhaps. */
const CLEAN_UP_MS = 3_000;

interface BenchFlags extends Omit<ConnectionFlags, "url"> {
  readonly url?: string;
  readonly directory?: string;
  readonly messages: number;
  readonly bodyBytes: number;
  readonly window: number;
  readonly ordering: "none" | "key" | "fifo";
  readonly keys?: number;
  readonly consumers: number;
  readonly json?: true;
}

export function addBench(program: Command): void {
  withConnectionFlags(program.command("bench"), urlOption("the server; a path in it is the namespace (default: a server of its own)"))
    .description("Measure how many messages go through a queue, and how fast.")
    .option("--directory <path>", "where the server of its own makes its directory (default: that for temporary files)")
    .option("--messages <number>", "how many", wholeNumber(1, MESSAGES_MAX), 50_000)
    .option("--body-bytes <bytes>", "of each body", wholeNumber(BODY_BYTES_MIN, BODY_BYTES_MAX), 256)
    .option("--window <messages>", "how many are on their way at a time", wholeNumber(1, LIMITS.producerOpenMax), 1_000)
    .addOption(new Option("--ordering <kind>", "of the queue").choices(["none", "key", "fifo"]).default("none"))
    .option("--keys <number>", `with --ordering key: how many keys (default: ${KEYS_DEFAULT})`, wholeNumber(1, MESSAGES_MAX))
    .option("--consumers <number>", "how many, each with a connection of its own", wholeNumber(1, 100), 1)
    .option("--json", "a JSON object instead of a table")
    .addHelpText("after", HELP)
    .action(bench);
}

async function bench({ url, directory, ...flags }: BenchFlags): Promise<void> {
  if (flags.keys !== undefined && flags.ordering !== "key") {
    throw new CommandError(EXIT.usage, `--keys is given with --ordering ${flags.ordering}, expected --ordering key`);
  }
  if (url !== undefined && directory !== undefined) {
    throw new CommandError(EXIT.usage, `--directory and --url ${url} are given, expected one of them`);
  }
  // From here on an interrupt leaves nothing behind.
  const interruption = new Interruption();
  try {
    if (url !== undefined) return await measure(url, undefined, flags, interruption.signal);
    const server = await OwnServer.start(directory);
    await measure(server.url, server, flags, interruption.signal).finally(() => server.stop());
  } finally {
    interruption.dispose();
  }
}

type MeasureFlags = Omit<BenchFlags, "url" | "directory">;

async function measure(url: string, server: OwnServer | undefined, flags: MeasureFlags, interrupted: AbortSignal): Promise<void> {
  const connection = { ...flags, url };
  const { ordering, keys = KEYS_DEFAULT, consumers } = flags;
  const progress = new Progress("messages acked");
  const load = new Load({ ...flags, keys: ordering === "key" ? keys : 0 }, () => progress.add(1));
  const stop = (): void => load.stop(new CommandError(EXIT.interrupted, `interrupted (${progress.count} messages acked)`));
  interrupted.addEventListener("abort", stop);
  if (interrupted.aborted) stop();
  const clients = Array.from({ length: consumers }, () => openClient(connection));
  try {
    const result = await withServer(
      connection,
      (holdfast) => runLoad(load, holdfast, clients, ordering),
      (away) => progress.state(away ? "(waiting for the server)" : ""),
    );
    progress.stop();
    const text = flags.json ? asJson(result, url, server, flags) : asText(result, url, server, flags);
    await new LineWriter(openStdout(), () => undefined).write(text);
  } finally {
    progress.stop();
    // When the server was given up the load still waits for it.
    load.stop(new Error("given up"));
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 0 })));
  }
}

/** Runs a load through a queue that is there as long as it takes. */
async function runLoad(
  load: Load,
  holdfast: Holdfast,
  clients: readonly Holdfast[],
  ordering: MeasureFlags["ordering"],
): Promise<LoadResult> {
  const name = `bench.${randomBytes(8).toString("hex")}`;
  try {
    await holdfast.queue(name).define({ ordering, deadLetter: false });
    return await load.run(
      holdfast.queue(name),
      clients.map((client) => client.queue(name)),
    );
  } finally {
    await remove(holdfast, name, load);
  }
}

/** Deletes the queue of the measurement; says so when it could not. */
async function remove(holdfast: Holdfast, name: string, load: Load): Promise<void> {
  const tooLong = delay(CLEAN_UP_MS, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${CLEAN_UP_MS} ms`);
  });
  try {
    const removed = load.cancel().then(() => admin(holdfast).queue(name).delete());
    await Promise.race([removed, tooLong]);
  } catch (error) {
    process.stderr.write(`queue ${name} was not deleted: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

const perSecond = ({ seconds }: LoadResult, messages: number): number => Math.round(messages / seconds);

const rounded = ({ p50, p99, max }: LatencySummary): LatencySummary => {
  const round = (milliseconds: number): number => Number(milliseconds.toFixed(3));
  return { p50: round(p50), p99: round(p99), max: round(max) };
};

function asJson(result: LoadResult, url: string, server: OwnServer | undefined, flags: MeasureFlags): string {
  const { messages, bodyBytes, window, ordering, keys = KEYS_DEFAULT, consumers } = flags;
  return JSON.stringify({
    messages,
    bodyBytes,
    window,
    ordering,
    ...(ordering === "key" && { keys }),
    consumers,
    seconds: Number(result.seconds.toFixed(3)),
    messagesPerSecond: perSecond(result, messages),
    receiptMs: rounded(result.receipt),
    deliveryMs: rounded(result.delivery),
    server: server === undefined ? { url } : { own: true, directory: server.directory },
    node: process.version,
    system: `${type()} ${release()}`,
    cores: availableParallelism(),
  });
}

function asText(result: LoadResult, url: string, server: OwnServer | undefined, flags: MeasureFlags): string {
  const { messages, bodyBytes, window, ordering, keys = KEYS_DEFAULT, consumers } = flags;
  const number = (value: number): string => value.toLocaleString("en-US");
  const cells = (latency: LatencySummary): string[] =>
    [latency.p50, latency.p99, latency.max].map((milliseconds) => `${milliseconds.toFixed(2)} ms`);
  const order = ordering === "key" ? `key (${number(keys)} keys)` : ordering;
  return [
    `${number(messages)} messages of ${number(bodyBytes)} bytes, ${number(window)} on their way, ordering ${order}, consumers ${consumers}`,
    server === undefined ? `server at ${url}` : `server of its own, engine level, in ${server.directory}`,
    `Node.js ${process.version}, ${type()} ${release()}, ${availableParallelism()} cores`,
    "",
    `${number(perSecond(result, messages))} messages/s, in ${result.seconds.toFixed(2)} s`,
    "",
    table(
      ["from the publish", "p50", "p99", "max"],
      [
        ["to its receipt", ...cells(result.receipt)],
        ["to its delivery", ...cells(result.delivery)],
      ],
    ),
  ].join("\n");
}
