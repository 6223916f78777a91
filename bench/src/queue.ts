import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import { type LoadResult, type ServerKind, WARM_UP_MESSAGES } from "./protocol.js";
import { describeMachine, median, progress, quantile, table } from "./report.js";
import { newSecret, tokenOf } from "./token.js";

export interface QueueBench {
  readonly rounds: number;
  readonly messages: number;
  readonly window: number;
  readonly bodyBytes: number;
  readonly directory: string;
}

interface Round extends LoadResult {
  readonly cpuUsPerMessage: number;
}

/** Durable publish -> handler -> ack against plain `emitWithAck` with no storage, round by round in turn. */
export async function benchQueue(options: QueueBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const durable: Round[] = [];
    const plain: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      durable.push(await measure("holdfast", options, join(path, `round-${round}`)));
      plain.push(await measure("plain", options, path));
      progress(`round ${round} of ${options.rounds}: durable ${rate(durable.at(-1))}/s, plain ${rate(plain.at(-1))}/s`);
    }
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${options.messages} messages of ${options.bodyBytes} B a round after ${WARM_UP_MESSAGES} to warm up, at most ${options.window} unconfirmed, medians of ${options.rounds} rounds\n`,
    );
    console.log(
      table([
        ["", "messages/s", "p50 ms", "p99 ms", "server CPU us/message"],
        ["durable publish -> handler -> ack", ...row(durable)],
        ["plain emitWithAck, no storage", ...row(plain)],
      ]),
    );
    console.log(`\nratio     ${(median(durable.map(rateOf)) / median(plain.map(rateOf))).toFixed(2)}x`);
    console.log(await countSyncs(options, path));
  } finally {
    removeDirectory(path);
  }
}

/** CPU of plain traffic on a server with Holdfast attached against one without. */
export async function benchAttached(options: QueueBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const attached: Round[] = [];
    const plain: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const order: ServerKind[] = round % 2 === 0 ? ["attached", "plain"] : ["plain", "attached"];
      for (const kind of order) (kind === "plain" ? plain : attached).push(await measure(kind, options, join(path, `round-${round}`)));
      progress(`round ${round} of ${options.rounds}: attached ${cpu(attached.at(-1))} us, plain ${cpu(plain.at(-1))} us`);
    }
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${options.messages} emitWithAck of ${options.bodyBytes} B a round, ${options.window} open, medians of ${options.rounds} rounds\n`,
    );
    console.log(
      table([
        ["", "messages/s", "p50 ms", "p99 ms", "server CPU us/message"],
        ["with Holdfast attached", ...row(attached)],
        ["plain Socket.IO", ...row(plain)],
      ]),
    );
    const pairs = attached.map((round, index) => round.cpuUsPerMessage / (plain[index]?.cpuUsPerMessage ?? Number.NaN));
    console.log(`\nratio     ${median(pairs).toFixed(3)}x CPU per message, median of the rounds' ratios`);
  } finally {
    removeDirectory(path);
  }
}

/** CPU of a message on a server with tokens, permissions and every limit on what clients may ask for, against an open one without. */
export async function benchLimits(options: QueueBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const guarded: Round[] = [];
    const unguarded: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const order: ServerKind[] = round % 2 === 0 ? ["guarded", "unguarded"] : ["unguarded", "guarded"];
      for (const kind of order)
        (kind === "guarded" ? guarded : unguarded).push(await measure(kind, options, join(path, `${kind}-${round}`)));
      progress(`round ${round} of ${options.rounds}: guarded ${cpu(guarded.at(-1))} us, unguarded ${cpu(unguarded.at(-1))} us`);
    }
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${options.messages} durable publish -> handler -> ack of ${options.bodyBytes} B a round, ${options.window} unconfirmed, medians of ${options.rounds} rounds\n`,
    );
    console.log(
      table([
        ["", "messages/s", "p50 ms", "p99 ms", "server CPU us/message"],
        ["with tokens, permissions and limits", ...row(guarded)],
        ["open, without limits", ...row(unguarded)],
      ]),
    );
    const pairs = guarded.map((round, index) => round.cpuUsPerMessage / (unguarded[index]?.cpuUsPerMessage ?? Number.NaN));
    const ratio = median(pairs);
    console.log(
      `\nratio     ${ratio.toFixed(3)}x CPU per message, median of the rounds' ratios, target 1.050x or less: ${ratio <= 1.05 ? "met" : "NOT met"}`,
    );
  } finally {
    removeDirectory(path);
  }
}

async function measure(kind: ServerKind, options: QueueBench, directory: string): Promise<Round> {
  const secret = newSecret();
  const server = await ServerProcess.start(kind, directory, { secret });
  const { messages, window, bodyBytes } = options;
  const token = kind === "guarded" ? tokenOf(secret) : undefined;
  const before = await server.usage();
  const result = await runLoad({
    kind: kind === "plain" || kind === "attached" ? "emit-with-ack" : "round-trip",
    port: server.port,
    messages,
    window,
    bodyBytes,
    token,
  });
  const after = await server.usage();
  await server.stop();
  const warmUp = Math.min(messages, WARM_UP_MESSAGES);
  return { ...result, cpuUsPerMessage: (after.cpuUs - before.cpuUs) / (messages + warmUp) };
}

const rateOf = (round: LoadResult): number => round.messages / round.seconds;
const rate = (round: LoadResult | undefined): string => (round === undefined ? "-" : Math.round(rateOf(round)).toString());
const cpu = (round: Round | undefined): string => round?.cpuUsPerMessage.toFixed(2) ?? "-";

function row(rounds: readonly Round[]): string[] {
  return [
    Math.round(median(rounds.map(rateOf))).toString(),
    median(rounds.map(({ latenciesMs }) => quantile(latenciesMs, 0.5))).toFixed(2),
    median(rounds.map(({ latenciesMs }) => quantile(latenciesMs, 0.99))).toFixed(2),
    median(rounds.map(({ cpuUsPerMessage }) => cpuUsPerMessage)).toFixed(2),
  ];
}

/** One more round, not timed, in which strace counts the syncs. */
async function countSyncs(options: QueueBench, path: string): Promise<string> {
  if (spawnSync("strace", ["-V"]).error !== undefined) return "syncs     not counted: strace is not installed";
  const file = join(path, "syncs");
  const messages = Math.min(options.messages, 50_000);
  const server = await ServerProcess.start("holdfast", join(path, "traced"), { trace: { calls: "fdatasync,fsync", file } });
  await runLoad({ kind: "round-trip", port: server.port, messages, window: options.window, bodyBytes: options.bodyBytes });
  await server.stop();
  const counts = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const callsOf = (name: string): number => Number(counts.find((fields) => fields.at(-1) === name)?.[3] ?? 0);
  const syncs = callsOf("fdatasync") + callsOf("fsync");
  return `syncs     ${callsOf("fdatasync")} fdatasync and ${callsOf("fsync")} fsync for ${messages} messages (a round of its own, traced): one per ${(messages / syncs).toFixed(0)} messages`;
}
