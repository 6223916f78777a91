import { join } from "node:path";
import { progress, quantile } from "../report.js";
import { atMost, type RoomsBench } from "./fan-out.js";
import { ROOM } from "./protocol.js";
import { pause, Stage } from "./stage.js";

const RATE_MIN = 100_000;
const GROWTH_MIB_MAX = 64;
/** The room whose traffic goes on while others catch up, and who is in it. */
const LIVE_ROOM = "bar";
const LIVE_MEMBERS = 10;
const LIVE_FIRST = 1_000_000;
const LIVE_PER_SECOND = 50;
const QUIET_MS = 4_000;
const MIB = 2 ** 20;

/** (c): one device that missed many messages, on a server that has just begun. */
export async function benchCatchUp({ missed, bodyBytes }: RoomsBench, path: string): Promise<string> {
  const directory = join(path, "catch-up");
  await store(directory, 1, missed, bodyBytes);
  progress(`catch-up: ${missed} messages stored`);
  const stage = await Stage.open("frames", directory);
  await pause(500);
  const before = await stage.usage();
  const seconds = await stage.catchUp(1, 1, missed);
  const after = await stage.usage();
  await stage.close();
  const perSecond = missed / seconds;
  const growthMiB = (after.rssBytesMax - before.rssBytes) / MIB;
  const verdict = (met: boolean): string => (met ? "met" : "NOT met");
  return [
    `(c) one device that missed ${missed} messages of ${bodyBytes} B`,
    `rate      ${Math.round(perSecond)}/s, target ${RATE_MIN}/s or more: ${verdict(perSecond >= RATE_MIN)}; server CPU ${((after.cpuUs - before.cpuUs) / missed).toFixed(2)} us each`,
    `memory    server RSS grew by ${growthMiB.toFixed(0)} MiB, target below ${GROWTH_MIB_MAX}: ${verdict(growthMiB < GROWTH_MIB_MAX)}`,
  ].join("\n");
}

/** (d): many devices come back at once, while others are live. */
export async function benchReturn({ devices, behind, bodyBytes, processes }: RoomsBench, path: string): Promise<string> {
  const directory = join(path, "return");
  await store(directory, devices, behind, bodyBytes);
  progress(`return: ${behind} messages stored for ${devices} devices`);
  const stage = await Stage.open("frames", directory);
  await stage.connect(LIVE_MEMBERS, 1, { room: LIVE_ROOM, first: LIVE_FIRST, watch: false });
  await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, pause(1_000));
  const quietMs = quantile(await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, pause(QUIET_MS)), 0.99);
  progress(`return: live p99 ${quietMs.toFixed(1)} ms while it is quiet`);
  const before = await stage.usage();
  const returned = stage.catchUp(devices, processes, behind);
  const busy = await stage.steadily(LIVE_ROOM, LIVE_PER_SECOND, bodyBytes, returned);
  const after = await stage.usage();
  const seconds = await returned;
  await stage.close();
  const busyMs = quantile(busy, 0.99);
  const messages = devices * behind;
  return [
    `(d) ${devices} devices come back at once, each ${behind} messages behind, in ${processes} processes; ${LIVE_PER_SECOND} emits/s to ${LIVE_MEMBERS} live members of another room`,
    `rate      all caught up in ${seconds.toFixed(1)} s, ${Math.round(messages / seconds)}/s; server CPU ${((after.cpuUs - before.cpuUs) / messages).toFixed(2)} us each`,
    `live      p99 ${quietMs.toFixed(1)} ms quiet, p50 ${quantile(busy, 0.5).toFixed(1)} ms and p99 ${busyMs.toFixed(1)} ms meanwhile, of ${busy.length} deliveries`,
    atMost("live p99", busyMs / quietMs, 5),
  ].join("\n");
}

/** Stores messages for members who are not there. */
async function store(directory: string, members: number, messages: number, bodyBytes: number): Promise<void> {
  const stage = await Stage.open("frames", directory);
  await stage.add(ROOM, 0, members);
  await stage.fill(ROOM, messages, bodyBytes);
  await stage.close();
}
