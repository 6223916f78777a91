import type { HistoryEvent } from "../history.js";
import type * as history from "../schedule-history.js";
import type { Chime, Chimes } from "../schedule-history.js";
import { engineName } from "../sole-owner.js";
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

function checkChimes({ call, removal }: ScheduleRun, chimes: readonly Chime[], seen: Chimes, run: Run, report: Report): void {
  const { schedule, everySeconds } = call.invoked;
  let expected = call.ok?.next;
  for (const chime of chimes) {
    const { time, publishedAt } = chime;
    const wrong = (kind: "unexpected" | "early" | "lost" | "duplicated", why: string): void =>
      report.add(kind, `schedule ${schedule} published for ${stamp(chime)}, ${why}`, call.invoked.index, seen.index);
    if (timeAfter(everySeconds, time - 1) !== time) {
      wrong("unexpected", `and comes every ${everySeconds} s`);
      continue;
    }
    if (publishedAt < time) wrong("early", `${time - publishedAt} ms before it`);
    if (expected !== undefined && time > expected) wrong("lost", `and not for ${text(expected)}`);
    if (expected !== undefined && time < expected) wrong("duplicated", `and ${text(expected)} was next`);
    if (removal?.ok !== undefined && !run.timeline.wentBack && publishedAt > removal.doneAt) wrong("unexpected", "after it was removed");
    expected = timeAfter(everySeconds, publishedAt);
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
  const next = last === undefined ? call.ok.next : timeAfter(call.invoked.everySeconds, last.publishedAt);
  if (listed === undefined) report.add("lost", `${name} is gone`, call.doneIndex, index);
  else if (listed.published !== chimes.length || listed.skipped !== 0 || listed.next !== next) {
    const told = `${listed.published} published, ${listed.skipped} skipped, next ${listed.next}`;
    report.add("counts", `${name} tells ${told}, expected ${chimes.length}, 0, ${next}`, index);
  }
  if (next + LATE_MS < at) report.add("lost", `${name} did not publish for ${text(next)}, and it is ${text(at)}`, call.doneIndex, index);
}

const text = (at: number): string => new Date(at).toISOString();
const stamp = ({ time }: Chime): string => text(time);
