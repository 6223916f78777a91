import { engineName } from "../engine-name.js";
import type { HistoryEvent } from "../history.js";
import type * as history from "../schedule-history.js";
import type { Chime, Chimes } from "../schedule-history.js";
import { CallLog, type CallRecord, mayHaveHappened } from "./calls.js";
import { addTo, type Run } from "./run.js";
import type { Report } from "./violation.js";

type Ok<Done> = Extract<Done, { outcome: "ok" }>;
type Unscheduled = CallRecord<history.Unschedule, Ok<history.UnscheduleDone>>;

interface ScheduleRun {
  readonly call: CallRecord<history.Schedule, Ok<history.ScheduleDone>>;
  removal: Unscheduled | undefined;
}

const SECOND_MS = 1_000;
const MINUTE_SECONDS = 60;
/** How late a schedule may be when nothing fails. */
const LATE_MS = 2_500;
/** What waits for the commit under way is stored together, with the time of the first. */
const TOGETHER_MS = 1_000;

/** The first time after `after` of a schedule, counted out second by second. */
function timeAfter(everySeconds: number, after: number): number {
  let second = Math.floor(after / SECOND_MS) + 1;
  while ((second % MINUTE_SECONDS) % everySeconds !== 0) second++;
  return second * SECOND_MS;
}

/**
 * Judges whether schedules published once for each of their times, not early, and once for all that passed while nobody
 * could: the one after is the first after the moment at which the one before was published.
 */
export function checkSchedules(events: readonly HistoryEvent[], run: Run, report: Report): void {
  const calls = new CallLog<history.Schedule, history.ScheduleDone>();
  const removals = new CallLog<history.Unschedule, history.UnscheduleDone>();
  const schedules = new Map<string, ScheduleRun>();
  for (const event of events) {
    if (event.type === "schedule") schedules.set(event.schedule, { call: calls.invoke(event), removal: undefined });
    else if (event.type === "schedule-done") calls.done(event);
    else if (event.type === "unschedule") {
      const removal = removals.invoke(event);
      const schedule = schedules.get(event.schedule);
      if (schedule !== undefined) schedule.removal = removal;
    } else if (event.type === "unschedule-done") removals.done(event);
    else if (event.type === "schedule-again") checkAgain(event, schedules.get(event.schedule), report);
  }
  for (const event of events) if (event.type === "chimes") checkQueue(event, schedules, run, report);
}

/** What is set as it was keeps its times. */
function checkAgain({ schedule, next, index }: history.ScheduleAgain, known: ScheduleRun | undefined, report: Report): void {
  const everySeconds = known?.call.invoked.everySeconds ?? 1;
  if (timeAfter(everySeconds, next - 1) !== next || next < (known?.call.ok?.next ?? 0))
    report.add("unexpected", `schedule ${schedule} was set as it was, and told ${text(next)} as its next time`, index);
}

function checkQueue(seen: Chimes, schedules: ReadonlyMap<string, ScheduleRun>, run: Run, report: Report): void {
  const bySchedule = new Map<string, Chime[]>();
  for (const chime of seen.chimes) {
    if (schedules.has(chime.schedule)) addTo(bySchedule, chime.schedule, chime);
    else report.add("unexpected", `queue ${seen.queue} has a message of ${chime.schedule}, which nobody set`, seen.index);
  }
  const ofQueue = [...schedules.values()].filter(({ call }) => engineName(call.invoked.schedule) === seen.queue && mayHaveHappened(call));
  let before: Chime | undefined;
  let removed: Unscheduled | undefined;
  for (const schedule of ofQueue) {
    const chimes = bySchedule.get(schedule.call.invoked.schedule) ?? [];
    const [first] = chimes;
    if (before !== undefined && first !== undefined) checkReplaced(before, first, removed, seen, report);
    checkChimes(schedule, chimes, seen, run, report);
    if (chimes.length > 0) removed = undefined;
    before = chimes.at(-1) ?? before;
    removed = schedule.removal ?? removed;
  }
  const last = ofQueue.at(-1);
  if (last !== undefined) checkEnd(last, bySchedule.get(last.call.invoked.schedule) ?? [], seen, report);
}

/** What replaces a schedule comes after it, and never for a time that was over, unless somebody removed it in between. */
function checkReplaced(before: Chime, first: Chime, removed: Unscheduled | undefined, seen: Chimes, report: Report): void {
  const name = `schedule ${first.schedule}`;
  if (first.sequence < before.sequence)
    report.add("unexpected", `${before.schedule} published sequence ${before.sequence} after ${name} took its place`, seen.index);
  if (first.time <= before.time && removed === undefined)
    report.add("duplicated", `${name} published for ${stamp(first)}, as ${before.schedule} had for ${stamp(before)}`, seen.index);
}

/** Bounds of the time for which a schedule is to publish next. */
interface Next {
  readonly min: number;
  readonly max: number;
}

/** What is stored with the one before it has that one's time, and was published somewhat later. */
function nextAfter({ time, publishedAt }: Chime, before: Chime | undefined, everySeconds: number): Next {
  const next = timeAfter(everySeconds, publishedAt);
  if (before?.publishedAt !== publishedAt) return { min: next, max: next };
  return { min: timeAfter(everySeconds, Math.max(time, publishedAt)), max: timeAfter(everySeconds, publishedAt + TOGETHER_MS) };
}

function checkChimes({ call, removal }: ScheduleRun, chimes: readonly Chime[], seen: Chimes, run: Run, report: Report): void {
  const { schedule, everySeconds } = call.invoked;
  let next: Next | undefined = call.ok && { min: call.ok.next, max: call.ok.next };
  let before: Chime | undefined;
  for (const chime of chimes) {
    const { time, publishedAt } = chime;
    const wrong = (kind: "unexpected" | "early" | "lost" | "duplicated", why: string): void =>
      report.add(kind, `schedule ${schedule} published for ${stamp(chime)}, ${why}`, call.invoked.index, seen.index);
    if (timeAfter(everySeconds, time - 1) !== time) {
      wrong("unexpected", `and comes every ${everySeconds} s`);
      continue;
    }
    const latest = before?.publishedAt === publishedAt ? publishedAt + TOGETHER_MS : publishedAt;
    if (latest < time) wrong("early", `${time - latest} ms before it`);
    if (next !== undefined && time > next.max) wrong("lost", `and not for ${text(next.max)}`);
    if (next !== undefined && time < next.min) wrong("duplicated", `and ${text(next.min)} was next`);
    if (removal?.ok !== undefined && !run.timeline.wentBack && publishedAt > removal.doneAt) wrong("unexpected", "after it was removed");
    next = nextAfter(chime, before, everySeconds);
    before = chime;
  }
}

/** What the engine tells of the schedule that is there, and whether it is late. */
function checkEnd({ call, removal }: ScheduleRun, chimes: readonly Chime[], { listed, at, index }: Chimes, report: Report): void {
  const name = `schedule ${call.invoked.schedule}`;
  if (call.ok === undefined || (removal !== undefined && mayHaveHappened(removal))) {
    if (removal?.ok !== undefined && listed !== undefined) report.add("unexpected", `${name} is there, and was removed`, removal.doneIndex);
    return;
  }
  const last = chimes.at(-1);
  const first = call.ok.next;
  const { min, max } = last === undefined ? { min: first, max: first } : nextAfter(last, chimes.at(-2), call.invoked.everySeconds);
  if (listed === undefined) report.add("lost", `${name} is gone`, call.doneIndex, index);
  else {
    const { published, skipped, next = Number.POSITIVE_INFINITY } = listed;
    if (published !== chimes.length || skipped !== 0 || next < min || next > max) {
      const told = `${published} published, ${skipped} skipped, next ${listed.next}`;
      report.add("counts", `${name} tells ${told}, expected ${chimes.length}, 0, ${min} to ${max}`, index);
    }
  }
  if (max + LATE_MS < at) report.add("lost", `${name} did not publish for ${text(max)}, and it is ${text(at)}`, call.doneIndex, index);
}

const text = (at: number): string => new Date(at).toISOString();
const stamp = ({ time }: Chime): string => text(time);
