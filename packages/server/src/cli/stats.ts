import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Holdfast, QueueStats } from "holdfast-client";
import type { RoomStats } from "holdfast-client/admin";
import { nameArgument, queueArgument, wholeNumber } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, type withServer } from "./connection.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { counts, QUEUES, queueLabel, ROOMS, type Resources, type Row, readRows } from "./resources.js";
import { Interruption } from "./signals.js";
import { bytes, duration, table } from "./table.js";
import { targetOf } from "./target.js";

const HELP = `
With --json one object a queue and line. ready: waiting; in flight: with a consumer; delayed: waiting for their time;
parked: behind others of their key. dead, acked, expired and purged count what happened since the queue was created.
in/s and out/s: messages a second, published and delivered, over the last 5 to 10 s; size: bytes of what is not settled; oldest: the
age of the oldest of it. "(paused)" and "(2 blocked)" stand beside the name of a queue that hands out nothing, and of one with keys
that are blocked (holdfast blocked).

Of a room: messages and size are what it keeps; published and expired count what was emitted since it was created, and went by
retention; online are devices that are connected now.

Examples:
  $ holdfast stats
  $ holdfast stats orders --watch
  $ holdfast stats --room kitchen
  $ holdfast stats --json | jq 'select(.dead > 0) | .queue'
${EXIT_CODES_HELP}`;

interface StatsFlags extends ConnectionFlags {
  readonly room?: string;
  readonly json?: true;
  readonly watch?: true;
  readonly intervalMs: number;
}

export function addStats(program: Command): void {
  withConnectionFlags(program.command("stats"))
    .description("Show the counts of a queue, of all queues, or of a room.")
    .argument("[queue]", "name of the queue (default: all)", queueArgument)
    .option("--room <room>", "a durable room instead", nameArgument)
    .option("--json", "JSON objects instead of a table")
    .option("--watch", "again and again, until interrupted")
    .option("--interval-ms <ms>", "how often --watch looks", wholeNumber(100, 3_600_000), 1_000)
    .addHelpText("after", HELP)
    .action(stats);
}

/** Reads counts and gives them as text. */
type Read = (holdfast: Holdfast) => Promise<string>;

async function stats(queue: string | undefined, flags: StatsFlags): Promise<void> {
  if (queue !== undefined && flags.room !== undefined) targetOf(queue, flags.room);
  const { connect } = flags.room === undefined ? QUEUES : ROOMS;
  const read: Read =
    flags.room === undefined
      ? (holdfast) => textOf(holdfast, QUEUES, queue, flags, { head: QUEUE_HEAD, cellsOf: queueCells })
      : (holdfast) => textOf(holdfast, ROOMS, flags.room, flags, { head: ROOM_HEAD, cellsOf: roomCells });
  if (flags.watch) return watch(connect, read, flags);
  const writer = new LineWriter(openStdout(), () => undefined);
  await connect(flags, (holdfast) => show(holdfast, read, writer));
}

async function watch(connect: typeof withServer, read: Read, flags: StatsFlags): Promise<void> {
  const interruption = new Interruption();
  const closed = new AbortController();
  const writer = new LineWriter(openStdout(), () => closed.abort());
  const ended = AbortSignal.any([interruption.signal, closed.signal]);
  const showAgain = async (holdfast: Holdfast): Promise<void> => {
    while (!ended.aborted) {
      await show(holdfast, read, writer);
      await delay(flags.intervalMs, undefined, { signal: ended }).catch(() => undefined);
    }
  };
  try {
    await connect(flags, (holdfast) => Promise.race([showAgain(holdfast), interruption.wait()]));
  } catch (error) {
    // Whoever read has seen enough.
    if (!closed.signal.aborted) throw error;
  } finally {
    interruption.dispose();
  }
}

async function show(holdfast: Holdfast, read: Read, writer: LineWriter): Promise<void> {
  const text = await read(holdfast);
  if (text !== "") await writer.write(text);
}

interface Columns<Stats> {
  readonly head: readonly string[];
  cellsOf(row: Row<Stats>): readonly string[];
}

const CLEAR_SCREEN = "\x1b[H\x1b[2J";

async function textOf<Stats>(
  holdfast: Holdfast,
  resources: Resources<Stats>,
  name: string | undefined,
  { json, watch: again }: StatsFlags,
  { head, cellsOf }: Columns<Stats>,
): Promise<string> {
  const { kind } = resources;
  const rows = await readRows(holdfast, resources, name);
  if (json) return rows.map(({ name: each, stats: found }) => JSON.stringify({ [kind]: each, ...found })).join("\n");
  const text = rows.length === 0 ? `no ${kind}s` : table([kind, ...head], rows.map(cellsOf));
  return again && process.stdout.isTTY ? `${CLEAR_SCREEN}${text}` : text;
}

const age = (milliseconds: number): string => (milliseconds > 0 ? duration(milliseconds) : "-");

const QUEUE_HEAD = [
  "ready",
  "in flight",
  "delayed",
  "parked",
  "dead",
  "acked",
  "expired",
  "purged",
  "consumers",
  "in/s",
  "out/s",
  "size",
  "oldest",
];

function queueCells(row: Row<QueueStats>): string[] {
  const { ready, inFlight, delayed, parked, dead, acked, expired, purged, consumers, perSecond, bytes: size, oldestAgeMs } = row.stats;
  const numbers = counts(
    ready,
    inFlight,
    delayed,
    parked,
    dead,
    acked,
    expired,
    purged,
    consumers,
    perSecond.published,
    perSecond.delivered,
  );
  return [queueLabel(row), ...numbers, bytes(size), age(oldestAgeMs)];
}

const ROOM_HEAD = ["messages", "published", "expired", "members", "devices", "online", "size", "oldest"];

function roomCells({ name, stats: found }: Row<RoomStats>): string[] {
  const { messages, published, expired, members, devices, online, bytes: size, oldestAgeMs } = found;
  return [name, ...counts(messages, published, expired, members, devices, online), bytes(size), age(oldestAgeMs)];
}
