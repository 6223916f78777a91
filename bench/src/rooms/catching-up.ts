import { join } from "node:path";
import { median, progress, quantile } from "../report.js";
import { atMost, type RoomsBench, verdict } from "./fan-out.js";
import { type Latency, ROOM } from "./protocol.js";
import { pause, Stage } from "./stage.js";

const RATE_MIN = 100_000;
const GROWTH_MIB_MAX = 64;
/** The room whose traffic goes on while others catch up, and who is in it. */
const LIVE_ROOM = "bar";
const LIVE_MEMBERS = 10;
const LIVE_FIRST = 1_000_000;
const LIVE_PER_SECOND = 50;
const WARM_UP_MS = 1_000;
const QUIET_MS = 4_000;
const LIVE_RATIO_MAX = 5;
/** Until a server that did much has come to rest. */
const SETTLE_MS = 2_000;
const MIB = 2 ** 20;

/** (c): one device that missed many messages, on the server that took them, and on one that has just begun. */
export async function benchCatchUp({ missed, bodyBytes }: RoomsBench, path: string): Promise<string> {
  const directory = join(path, "catch-up");
  const first = await Stage.open("frames", directory);
  await first.add(ROOM, 0, 2);
  await first.fill(ROOM, missed, bodyBytes);
  progress(`catch-up: ${missed} messages stored`);
  await pause(SETTLE_MS);
  const taker = await measureCatchUp(first, 0, missed);
  const second = await Stage.open("frames", directory);
  await pause(SETTLE_MS);
  const beginner = await measureCatchUp(second, 1, missed);
  return [
    `(c) one device that missed ${missed} messages of ${bodyBytes} B`,
    `rate      ${Math.round(taker.perSecond)}/s, target ${RATE_MIN}/s or more: ${verdict(taker.perSecond >= RATE_MIN)}; server CPU ${taker.cpuUs.toFixed(2)} us each`,
    `memory    server RSS grew by ${taker.growthMiB.toFixed(0)} MiB, target below ${GROWTH_MIB_MAX}: ${verdict(taker.growthMiB < GROWTH_MIB_MAX)}`,
    `          on a server that has just begun: ${Math.round(beginner.perSecond)}/s, and by ${beginner.growthMiB.toFixed(0)} MiB, of which ${beginner.mappedMiB.toFixed(0)} are tables of the store that are mapped`,
  ].join("\n");
}

async function measureCatchUp(
  stage: Stage,
  user: number,
  missed: number,
): Promise<{ readonly perSecond: number; readonly cpuUs: number; readonly growthMiB: number; readonly mappedMiB: number }> {
  const before = await stage.usage();
  const { seconds } = await stage.catchUp(1, 1, missed, { first: user });
  const after = await stage.usage();
  await stage.close();
  return {
    perSecond: missed / seconds,
    cpuUs: (after.cpuUs - before.cpuUs) / missed,
    growthMiB: (after.rssBytesMax - before.rssBytes) / MIB,
    mappedMiB: (after.mappedBytes - before.mappedBytes) / MIB,
  };
}

/** (d): many devices come back at once, while others are live. */
export async function benchReturn(options: RoomsBench, path: string): Promise<string> {
  const { devices, behind, bodyBytes, processes, niceness, rounds } = options;
  const connects = await measureConnects(options, path);
  const directory = join(path, "return");
  const taker = await Stage.open("frames", directory);
  await taker.add(ROOM, 0, devices * rounds);
  await taker.fill(ROOM, behind, bodyBytes);
  await taker.close();
  progress(`return: ${behind} messages stored for ${devices} devices`);
  const returns: ReturnFigures[] = [];
  for (let round = 1; round <= rounds; round++) {
    const result = await measureReturn(options, directory, (round - 1) * devices);
    returns.push(result);
    const { quietMs, busyMs } = result;
    progress(`return, round ${round} of ${rounds}: live p99 ${quietMs.toFixed(1)} ms while it is quiet, ${busyMs.toFixed(1)} ms meanwhile`);
  }
  const of = (figure: keyof ReturnFigures): number => median(returns.map((result) => result[figure]));
  const ms = (figure: keyof ReturnFigures): string => `${of(figure).toFixed(1)} ms`;
  return [
    `(d) ${devices} devices come back at once, each ${behind} messages behind, in ${processes} processes of niceness ${niceness}; ${LIVE_PER_SECOND} emits/s to ${LIVE_MEMBERS} live members of another room; medians of ${rounds} rounds`,
    `rate      all caught up in ${of("seconds").toFixed(1)} s, ${Math.round((devices * behind) / of("seconds"))}/s; server CPU ${of("cpuUs").toFixed(2)} us each`,
    `live      p99 ${ms("quietMs")} quiet, ${ms("busyMs")} meanwhile: ${ms("connectingMs")} in the ${of("connectingSeconds").toFixed(1)} s until all were connected, ${ms("catchingUpMs")} after that`,
    `plain     io.to(room).emit, p99 ${connects.quietMs.toFixed(1)} ms quiet, ${connects.busyMs.toFixed(1)} ms in the ${connects.seconds.toFixed(1)} s in which ${devices} sockets connect that missed nothing`,
    atMost("live p99", median(returns.map(({ busyMs, quietMs }) => busyMs / quietMs)), LIVE_RATIO_MAX),
  ].join("\n");
}

/** One return; latencies are the p99 of live traffic. */
interface ReturnFigures {
  readonly seconds: number;
  readonly cpuUs: number;
  readonly connectingSeconds: number;
  readonly quietMs: number;
  readonly busyMs: number;
  readonly connectingMs: number;
  readonly catchingUpMs: number;
}

async function measureReturn(
  { devices, behind, bodyBytes, processes, niceness }: RoomsBench,
  directory: string,
  first: number,
): Promise<ReturnFigures> {
  const stage = await Stage.open("frames", directory);
  await stage.connect(LIVE_MEMBERS, 1, { room: LIVE_ROOM, first: LIVE_FIRST, watch: false });
  const quietMs = await quietP99(stage, bodyBytes);
  const before = await stage.usage();
  const returned = stage.catchUp(devices, processes, behind, { first, niceness });
  const busy = await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, returned);
  const after = await stage.usage();
  const { seconds, here, done } = await returned;
  await stage.close();
  return {
    seconds,
    cpuUs: (after.cpuUs - before.cpuUs) / (devices * behind),
    connectingSeconds: seconds - (done - here) / 1_000_000,
    quietMs,
    busyMs: p99(busy),
    connectingMs: p99(busy.filter(([at]) => at < here)),
    catchingUpMs: p99(busy.filter(([at]) => at >= here)),
  };
}

/** What as many sockets of plain Socket.IO do to live traffic that connect at once, and get nothing. */
async function measureConnects(
  { devices, bodyBytes, processes, niceness }: RoomsBench,
  path: string,
): Promise<{ readonly quietMs: number; readonly busyMs: number; readonly seconds: number }> {
  const stage = await Stage.open("plain", path);
  await stage.connect(LIVE_MEMBERS, 1, { room: LIVE_ROOM, first: LIVE_FIRST, watch: false });
  const quietMs = await quietP99(stage, bodyBytes);
  const start = performance.now();
  const connecting = stage.connect(devices, processes, { watch: false, niceness });
  const busy = await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, connecting);
  const seconds = (performance.now() - start) / 1_000;
  await stage.close();
  progress(`return: live p99 ${p99(busy).toFixed(1)} ms while ${devices} sockets of Socket.IO connect`);
  return { quietMs, busyMs: p99(busy), seconds };
}

/** The p99 of live traffic on a server that has nothing else to do. */
async function quietP99(stage: Stage, bodyBytes: number): Promise<number> {
  await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, pause(WARM_UP_MS));
  return p99(await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, pause(QUIET_MS)));
}

const p99 = (latencies: readonly Latency[]): number =>
  quantile(
    latencies.map(([, ms]) => ms),
    0.99,
  );
