import { type ErrorReply, HoldfastError } from "holdfast-client/protocol";
import type { SchedulePlan } from "../scheduling.js";
import { type AppendTools, appendTo, refusalOf } from "./append.js";
import type { CommitBuilder } from "./commit.js";
import * as keys from "./keys.js";
import { firstTime, nextTime } from "./next-time.js";
import type { Queue } from "./queue.js";
import { digestOf, occurrenceId, packSchedule, type Schedule, unpackSchedule, withId } from "./schedule.js";
import type { CoreContext } from "./transitions.js";
import type { Wakes } from "./wakes.js";

const SCHEDULES_OF_QUEUE_MAX = 1_000;
const SCHEDULES_OF_NAMESPACE_MAX = 10_000;

/** What schedules may publish in one turn: at midnight there may be thousands, and others have deadlines too. */
export const SCHEDULED_BYTES_PER_TURN = 2_097_152;
/** What an occurrence counts at least, for the time it takes. */
const OCCURRENCE_BYTES_MIN = 16_384;

/** How long a schedule waits that may not publish now. */
const HELD_MS = 1_000;

/** An occurrence that the queue refused, where the one before it was not. */
export interface Skipped {
  readonly queue: Queue;
  readonly name: string;
  readonly error: ErrorReply;
}

/**
 * Repeating publishes. The message of an occurrence and the time of the next one go into the same commit, so that a crash
 * finds both or neither.
 *
 * A schedule begins with the commit that stores it being durable, so the message of one that is due can be read from
 * the store, and memory holds none.
 */
export class Schedules {
  readonly #commit: CommitBuilder;
  readonly #wakes: Wakes;
  readonly #tools: AppendTools;
  readonly #context: CoreContext;
  readonly #byQueue = new Map<Queue, Map<string, Schedule>>();
  /** How many each namespace has. */
  readonly #counts = new Map<string, number>();
  #skipped: Skipped[] = [];
  /** Nothing is to be published now: what is due waits. */
  held = false;

  constructor(commit: CommitBuilder, wakes: Wakes, tools: AppendTools, context: CoreContext) {
    this.#commit = commit;
    this.#wakes = wakes;
    this.#tools = tools;
    this.#context = context;
  }

  /** Creates or replaces a schedule, unless it is the same already; returns when it publishes next. */
  set(queue: Queue, name: string, { cron, timezone, record }: SchedulePlan, now: number): number {
    const known = this.#find(queue, name);
    const digest = digestOf(record);
    const same = known?.cron === cron && known.timezone === timezone && known.digest === digest;
    if (same && known.next !== undefined) return known.next;
    // After a clock went back, an occurrence that was published must not come again with another message.
    const next = firstTime(cron, timezone, Math.max(now, known?.last ?? 0));
    this.#assertTaken(queue, withId(record, occurrenceId(name, next)), now);
    if (known === undefined) this.#assertRoom(queue, this.#byQueue.get(queue)?.size ?? 0);
    else this.#end(known);
    const counts = { published: 0, skipped: 0, skipping: false };
    const schedule: Schedule = { queue, name, cron, timezone, digest, next, last: known?.last, ...counts, ended: false };
    this.#enter(schedule);
    this.#commit.write(keys.scheduledKey(queue.number, name), withId(record, ""));
    this.#write(schedule);
    this.#commit.showSchedule(schedule);
    return next;
  }

  /** What the queue refuses for now, because it is full, it may take when the time comes. */
  #assertTaken(queue: Queue, record: Uint8Array, now: number): void {
    const refusal = refusalOf(queue, { namespace: queue.namespace, queue: queue.name, count: 1, records: record }, now);
    if (refusal !== undefined && !refusal.retryable) throw HoldfastError.from(refusal);
  }

  #assertRoom({ name, namespace }: Queue, schedules: number): void {
    if (schedules >= SCHEDULES_OF_QUEUE_MAX) {
      throw new HoldfastError("TOO_LARGE", `queue ${name} has ${schedules} schedules, at most ${SCHEDULES_OF_QUEUE_MAX} are allowed`);
    }
    const count = this.#counts.get(namespace) ?? 0;
    if (count >= SCHEDULES_OF_NAMESPACE_MAX) {
      throw new HoldfastError(
        "TOO_LARGE",
        `namespace ${namespace} has ${count} schedules, at most ${SCHEDULES_OF_NAMESPACE_MAX} are allowed`,
      );
    }
  }

  /** Ends a schedule; `NOT_FOUND` when there is none of that name. */
  remove(queue: Queue, name: string): void {
    const schedule = this.#find(queue, name);
    if (schedule === undefined) {
      throw new HoldfastError("NOT_FOUND", `queue ${queue.name} has no schedule ${JSON.stringify(name)}`);
    }
    this.#end(schedule);
    this.#byQueue.get(queue)?.delete(name);
    this.#count(queue, -1);
    this.#commit.write(keys.scheduleKey(queue.number, name), undefined);
    this.#commit.write(keys.scheduledKey(queue.number, name), undefined);
  }

  /** The queue is gone; what the store has of its schedules is cleared with its messages. */
  forget(queue: Queue): void {
    const schedules = this.#byQueue.get(queue);
    if (schedules === undefined) return;
    for (const schedule of schedules.values()) this.#end(schedule);
    this.#count(queue, -schedules.size);
    this.#byQueue.delete(queue);
  }

  restore(queue: Queue, name: string, stored: Uint8Array): void {
    this.#enter(unpackSchedule(queue, name, stored));
  }

  /** What was restored begins to live. */
  begin(): void {
    for (const schedules of this.#byQueue.values()) for (const schedule of schedules.values()) this.show(schedule);
  }

  /** A schedule that is durable waits for its time. */
  show(schedule: Schedule): void {
    if (schedule.next !== undefined && !schedule.ended) this.#wakes.forSchedule(schedule, schedule.next);
  }

  /** Publishes what is due by `now`; returns how much of the turn's bytes that took. */
  fire(schedule: Schedule, now: number): number {
    const { queue, name, next: due } = schedule;
    if (due === undefined || schedule.ended) return 0;
    if (this.held) {
      this.#wakes.forSchedule(schedule, now + HELD_MS);
      return 0;
    }
    const records = withId(this.#messageOf(schedule), occurrenceId(name, due));
    const [run] = appendTo(queue, { namespace: queue.namespace, queue: queue.name, count: 1, records }, this.#tools, false, now);
    this.#commit.touch(queue);
    this.#note(schedule, run?.error);
    schedule.last = due;
    schedule.next = timeAfter(schedule, now);
    this.#write(schedule);
    this.show(schedule);
    return Math.max(OCCURRENCE_BYTES_MIN, records.length);
  }

  #note(schedule: Schedule, error: ErrorReply | undefined): void {
    if (error === undefined) schedule.published++;
    else schedule.skipped++;
    if (error !== undefined && !schedule.skipping) this.#skipped.push({ queue: schedule.queue, name: schedule.name, error });
    schedule.skipping = error !== undefined;
  }

  /** What was skipped since this was last asked; of several in a row the first. */
  takeSkipped(): Skipped[] {
    const skipped = this.#skipped;
    this.#skipped = [];
    return skipped;
  }

  #messageOf({ queue, name }: Schedule): Uint8Array {
    const record = this.#context.get(keys.scheduledKey(queue.number, name));
    if (record === undefined)
      throw new HoldfastError("ENGINE_UNAVAILABLE", `stored message of schedule ${queue.number}/${name} is missing`);
    return record;
  }

  #write(schedule: Schedule): void {
    this.#commit.write(keys.scheduleKey(schedule.queue.number, schedule.name), packSchedule(schedule));
  }

  #find(queue: Queue, name: string): Schedule | undefined {
    return this.#byQueue.get(queue)?.get(name);
  }

  #end(schedule: Schedule): void {
    schedule.ended = true;
    this.#wakes.noteEnded();
  }

  #enter(schedule: Schedule): void {
    const { queue, name } = schedule;
    const schedules = this.#byQueue.get(queue) ?? new Map<string, Schedule>();
    this.#byQueue.set(queue, schedules);
    if (!schedules.has(name)) this.#count(queue, 1);
    schedules.set(name, schedule);
  }

  #count({ namespace }: Queue, added: number): void {
    const count = (this.#counts.get(namespace) ?? 0) + added;
    if (count > 0) this.#counts.set(namespace, count);
    else this.#counts.delete(namespace);
  }
}

/** When it publishes after `now`; undefined when this process does not know its zone. */
function timeAfter({ cron, timezone }: Schedule, now: number): number | undefined {
  try {
    return nextTime(cron, timezone, now);
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}
