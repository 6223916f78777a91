import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Holdfast, QueueStats } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { HoldfastError } from "holdfast-client/protocol";
import { queueArgument, wholeNumber } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { Interruption } from "./signals.js";
import { bytes, duration, table } from "./table.js";

const HELP = `
With --json one object a queue and line. ready: waiting; in flight: with a consumer; delayed: waiting for their time;
the others count what happened since the queue was created.

Examples:
  $ holdfast stats
  $ holdfast stats orders --watch
  $ holdfast stats --json | jq 'select(.dead > 0) | .queue'
${EXIT_CODES_HELP}`;

interface StatsFlags extends ConnectionFlags {
  readonly json?: true;
  readonly watch?: true;
  readonly intervalMs: number;
}

export function addStats(program: Command): void {
  withConnectionFlags(program.command("stats"))
    .description("Show the counts of a queue, or of all.")
    .argument("[queue]", "name of the queue (default: all)", queueArgument)
    .option("--json", "JSON objects instead of a table")
    .option("--watch", "again and again, until interrupted")
    .option("--interval-ms <ms>", "how often --watch looks", wholeNumber(100, 3_600_000), 1_000)
    .addHelpText("after", HELP)
    .action(stats);
}

async function stats(queue: string | undefined, flags: StatsFlags): Promise<void> {
  if (flags.watch) return watch(queue, flags);
  const writer = new LineWriter(openStdout(), () => undefined);
  await withServer(flags, (holdfast) => show(holdfast, queue, flags, writer));
}

async function watch(queue: string | undefined, flags: StatsFlags): Promise<void> {
  const interruption = new Interruption();
  const closed = new AbortController();
  const writer = new LineWriter(openStdout(), () => closed.abort());
  const ended = AbortSignal.any([interruption.signal, closed.signal]);
  try {
    await withServer(flags, (holdfast) => Promise.race([showAgain(holdfast, queue, flags, writer, ended), interruption.wait()]));
  } catch (error) {
    // Whoever read has seen enough.
    if (!closed.signal.aborted) throw error;
  } finally {
    interruption.dispose();
  }
}

async function showAgain(
  holdfast: Holdfast,
  queue: string | undefined,
  flags: StatsFlags,
  writer: LineWriter,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    await show(holdfast, queue, flags, writer);
    await delay(flags.intervalMs, undefined, { signal: ended }).catch(() => undefined);
  }
}

async function show(holdfast: Holdfast, queue: string | undefined, flags: StatsFlags, writer: LineWriter): Promise<void> {
  const rows = await readRows(holdfast, queue);
  if (!flags.json) await writer.write(asTable(rows, flags.watch === true));
  else if (rows.length > 0) await writer.write(asJson(rows));
}

export interface Row {
  readonly queue: string;
  readonly stats: QueueStats;
}

/** How many queues are asked for at a time. */
const PAGE = 100;

export async function readRows(holdfast: Holdfast, queue: string | undefined): Promise<Row[]> {
  if (queue !== undefined) return [{ queue, stats: await holdfast.queue(queue).stats() }];
  const rows: Row[] = [];
  for await (const names of namesOf(holdfast)) {
    const page = await Promise.all(names.map((name) => rowOf(holdfast, name)));
    rows.push(...page.filter((row) => row !== undefined));
  }
  return rows;
}

export async function* namesOf(holdfast: Holdfast): AsyncGenerator<readonly string[]> {
  for (let after: string | undefined; ; ) {
    const { items, next } = await admin(holdfast).queues({ ...(after !== undefined && { after }), limit: PAGE });
    yield items;
    if (next === undefined) return;
    after = next;
  }
}

/** Undefined when the queue was deleted meanwhile. */
async function rowOf(holdfast: Holdfast, queue: string): Promise<Row | undefined> {
  try {
    return { queue, stats: await holdfast.queue(queue).stats() };
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

const asJson = (rows: readonly Row[]): string => rows.map(({ queue, stats: counts }) => JSON.stringify({ queue, ...counts })).join("\n");

const CLEAR_SCREEN = "\x1b[H\x1b[2J";
const HEAD = ["queue", "ready", "in flight", "delayed", "parked", "dead", "acked", "expired", "purged", "consumers", "size", "oldest"];

function asTable(rows: readonly Row[], watch: boolean): string {
  const text = rows.length === 0 ? "no queues" : table(HEAD, rows.map(cellsOf));
  return watch && process.stdout.isTTY ? `${CLEAR_SCREEN}${text}` : text;
}

function cellsOf({ queue, stats: counts }: Row): string[] {
  const { ready, inFlight, delayed, parked, dead, acked, expired, purged, consumers } = counts;
  const numbers = [ready, inFlight, delayed, parked, dead, acked, expired, purged, consumers].map((count) => count.toLocaleString("en-US"));
  return [
    counts.paused ? `${queue} (paused)` : queue,
    ...numbers,
    bytes(counts.bytes),
    counts.oldestAgeMs > 0 ? duration(counts.oldestAgeMs) : "-",
  ];
}
