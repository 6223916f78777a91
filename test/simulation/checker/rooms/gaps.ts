import type { GapTold } from "../../room-history.js";
import type { Report } from "../violation.js";
import type { RoomMessages } from "./room-messages.js";
import type { RoomRun } from "./room-run.js";
import type { Track } from "./track.js";

export const DELIVERIES_MAX = 5;
/** Messages that are stored together have the age of the first. */
const AGE_SLACK_MS = 500;

/** Judges whether a gap that a device was told has the reason it names: S4. */
export function checkGap(event: GapTold, track: Track, run: RoomRun, messages: RoomMessages, report: Report): void {
  const { from, to, reason, count = to - from + 1, index } = event;
  const told = (why: string, ...proof: readonly number[]): void =>
    report.add("false-gap", `${track} was told a gap from ${from} to ${to} for ${reason}, ${why}`, ...proof, index);
  if (from > to || count < 1 || count > to - from + 1) told(`which are no ${count} messages`);
  const settled: number[] = [];
  for (let sequence = from; sequence <= to; sequence++) {
    const known = track.get(sequence);
    if (!track.loose && known?.settled) settled.push(known.last.index);
  }
  if (settled.length + count > to - from + 1) told(`${count} of them, and had settled ${settled.length}`, ...settled);
  if (reason === "attempts") checkAttempts(event, track, run, told);
  else if (reason === "expired") checkExpired(event, run, messages, told);
  else checkRetention(event, run, messages, told);
}

type Told = (why: string, ...proof: readonly number[]) => void;

/** Tells why of messages that contradict, when there are more of them than the gap leaves out. */
function tellMost({ from, to, count = to - from + 1 }: GapTold, contradictions: readonly (() => void)[]): void {
  if (contradictions.length > to - from + 1 - count) for (const tell of contradictions) tell();
}

function checkAttempts(event: GapTold, track: Track, run: RoomRun, told: Told): void {
  const { from, to, target } = event;
  if (run.settings(target).alwaysBlocks) told("in a room that holds a device instead");
  const contradictions: (() => void)[] = [];
  const lostMax = run.lostMax(track.user, track.device, event.index);
  for (let sequence = from; sequence <= to; sequence++) {
    const times = track.times.get(sequence) ?? 0;
    if (times + lostMax < DELIVERIES_MAX) contradictions.push(() => told(`and ${sequence} came ${times} times`));
  }
  tellMost(event, contradictions);
}

function checkExpired(event: GapTold, run: RoomRun, messages: RoomMessages, told: Told): void {
  const { from, to, target, at } = event;
  const contradictions: (() => void)[] = [];
  for (let sequence = from; sequence <= to; sequence++) {
    const message = messages.at(target, sequence);
    if (message === undefined) continue;
    const over = message.emits.some(
      ({ invoked: { ttlMs, at: storedAt } }) => ttlMs !== undefined && (run.run.timeline.wentBack || storedAt + ttlMs <= at),
    );
    if (!over) contradictions.push(() => told(`and ${message} does not expire by then`, messages.storedFrom(message)));
  }
  tellMost(event, contradictions);
}

/** By number, if that is all that removes: so many must be there behind it. */
function checkRetention({ to, target, at }: GapTold, run: RoomRun, messages: RoomMessages, told: Told): void {
  const settings = run.settings(target);
  const { messagesMin, ageMsMin, bytesMin } = settings;
  if (!settings.mayRemove) told("and the room keeps all");
  if (bytesMin !== Number.POSITIVE_INFINITY || run.run.timeline.wentBack) return;
  const message = messages.at(target, to);
  const isOld = message === undefined || message.emits.some(({ invoked }) => invoked.at + ageMsMin <= at + AGE_SLACK_MS);
  const isFar = messages.highest(target) + messages.unknown(target) >= to + messagesMin;
  if (!isOld && !isFar) told(`and the room has to keep ${message}`, messages.storedFrom(message));
}
