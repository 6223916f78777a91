import { join } from "node:path";
import { median, progress, quantile, table } from "../report.js";
import { type Mode, ROOM } from "./protocol.js";
import { pause, Stage } from "./stage.js";

export interface RoomsBench {
  readonly rounds: number;
  readonly members: number;
  readonly processes: number;
  readonly burst: number;
  readonly seconds: number;
  readonly bodyBytes: number;
  readonly missed: number;
  readonly devices: number;
  readonly behind: number;
  /** Of the processes of devices that come back: the machines that they stand for would leave the server its processors. */
  readonly niceness: number;
  readonly away: number;
  readonly online: number;
  readonly directory: string;
  readonly parts: readonly string[];
}

/** Bursts that may be on their way. */
const AHEAD = 16;
const WARM_UP_MS = 1_500;
const STEADY_PER_SECOND = 10;

const CONTENDERS: readonly (readonly [Mode, string])[] = [
  ["plain", "io.to(room).emit, no storage"],
  ["frames", "durable room, our client"],
  ["events", "durable room, plain events with callbacks"],
];

interface Round {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly steadyMs: readonly number[];
}

/** (a) and (b): one room whose members are all live, by each way in turn. */
export async function benchFanOut(options: RoomsBench, path: string): Promise<string> {
  const results = new Map<Mode, Round[]>(CONTENDERS.map(([mode]) => [mode, []]));
  for (let round = 1; round <= options.rounds; round++) {
    for (const [mode, name] of CONTENDERS) {
      const result = await measure(mode, options, join(path, `fan-out-${round}-${mode}`));
      results.get(mode)?.push(result);
      progress(`fan-out, round ${round} of ${options.rounds}: ${name} ${Math.round(result.perSecond)}/s, ${result.cpuUs.toFixed(2)} us`);
    }
  }
  const rowOf = (mode: Mode): { rate: number; cpuUs: number; p50: number; p99: number } => {
    const rounds = results.get(mode) ?? [];
    return {
      rate: median(rounds.map(({ perSecond }) => perSecond)),
      cpuUs: median(rounds.map(({ cpuUs }) => cpuUs)),
      p50: median(rounds.map(({ steadyMs }) => quantile(steadyMs, 0.5))),
      p99: median(rounds.map(({ steadyMs }) => quantile(steadyMs, 0.99))),
    };
  };
  const [plain, frames] = [rowOf("plain"), rowOf("frames")];
  return [
    `(a) ${options.members} live members, ${options.bodyBytes} B, bursts of ${options.burst}, ${AHEAD} ahead; (b) ${STEADY_PER_SECOND} emits/s; medians of ${options.rounds} rounds`,
    table([
      ["", "deliveries/s", "server CPU us", "p50 ms", "p99 ms"],
      ...CONTENDERS.map(([mode, name]) => {
        const { rate, cpuUs, p50, p99 } = rowOf(mode);
        return [name, Math.round(rate).toString(), cpuUs.toFixed(2), p50.toFixed(1), p99.toFixed(1)];
      }),
    ]),
    atLeast("deliveries", frames.rate / plain.rate, 4),
    atMost("server CPU per delivery", frames.cpuUs / plain.cpuUs, 0.3),
    atMost("p99 latency", frames.p99 / plain.p99, 2),
  ].join("\n");
}

async function measure(mode: Mode, options: RoomsBench, directory: string): Promise<Round> {
  const { members, processes, burst, seconds, bodyBytes } = options;
  const stage = await Stage.open(mode, directory);
  await stage.connect(members, processes);
  await stage.bursts(WARM_UP_MS, burst, AHEAD, bodyBytes);
  const before = await stage.usage();
  const { emits, seconds: took } = await stage.bursts(seconds * 1_000, burst, AHEAD, bodyBytes);
  if (mode !== "plain") await stage.acknowledged(members);
  const after = await stage.usage();
  const deliveries = emits * members;
  const steady = await stage.steadily(ROOM, STEADY_PER_SECOND, bodyBytes, pause(seconds * 1_000));
  await stage.close();
  const steadyMs = steady.map(([, ms]) => ms);
  return { perSecond: deliveries / took, cpuUs: (after.cpuUs - before.cpuUs) / deliveries, steadyMs };
}

/** (e): members who are away cost an emit nothing. */
export async function benchAway(options: RoomsBench, path: string): Promise<string> {
  const { online, away, rounds } = options;
  const results: { readonly all: number; readonly rates: number[]; readonly cpus: number[] }[] = [
    { all: online, rates: [], cpus: [] },
    { all: away, rates: [], cpus: [] },
  ];
  for (let round = 1; round <= rounds; round++) {
    for (const { all, rates, cpus } of results) {
      const { rate, cpuUs } = await measureAway(all, options, join(path, `away-${round}-${all}`));
      rates.push(rate);
      cpus.push(cpuUs);
      progress(`away, round ${round} of ${rounds}: ${all} members ${Math.round(rate)} emits/s, ${cpuUs.toFixed(1)} us of server CPU`);
    }
  }
  const [few, many] = results.map(({ rates, cpus }) => ({ rate: median(rates), cpuUs: median(cpus) }));
  return [
    `(e) ${online} members online, bursts of ${options.burst}, ${AHEAD} ahead; medians of ${rounds} rounds`,
    table([
      ["", "emits/s", "server CPU us/emit"],
      ...results.map(({ all, rates, cpus }) => [`of ${all} members`, Math.round(median(rates)).toString(), median(cpus).toFixed(1)]),
    ]),
    atMost("server CPU per emit", (many?.cpuUs ?? Number.NaN) / (few?.cpuUs ?? Number.NaN), 1.1),
  ].join("\n");
}

async function measureAway(all: number, options: RoomsBench, directory: string): Promise<{ rate: number; cpuUs: number }> {
  const { online, burst, seconds, bodyBytes } = options;
  const stage = await Stage.open("frames", directory);
  await stage.add(ROOM, 0, all);
  await stage.connect(online, 1);
  await stage.bursts(WARM_UP_MS, burst, AHEAD, bodyBytes);
  const before = await stage.usage();
  const { emits, seconds: took } = await stage.bursts(seconds * 1_000, burst, AHEAD, bodyBytes);
  const after = await stage.usage();
  await stage.close();
  return { rate: emits / took, cpuUs: (after.cpuUs - before.cpuUs) / emits };
}

export const verdict = (met: boolean): string => (met ? "met" : "NOT met");
const atLeast = (what: string, value: number, target: number): string =>
  `ratio     ${what} ${value.toFixed(2)}x, target ${target}x or more: ${verdict(value >= target)}`;
export const atMost = (what: string, value: number, target: number): string =>
  `ratio     ${what} ${value.toFixed(2)}x, target ${target}x or less: ${verdict(value <= target)}`;
