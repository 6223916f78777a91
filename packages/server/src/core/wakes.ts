import type { Consumer } from "./consumer.js";
import type { Queue } from "./queue.js";
import type { Schedule } from "./schedule.js";
import { isNearer, TimeHeap } from "./time-heap.js";

/** What there is to look at. */
export interface Wanted {
  readonly consumer?: Consumer;
  readonly queue?: Queue;
  /** A queue with something delayed that is due, or with something that expired. */
  readonly times?: Queue;
  /** A reply queue that may have been without consumers for long enough. */
  readonly idle?: Queue;
  readonly schedule?: Schedule;
  /** A queue that has ids to forget, unless others came meanwhile. */
  readonly ids?: Queue;
}

/** Entries of ended schedules that are kept, however few others there are: to look for them costs a walk over all. */
const ENDED_MAX = 1_000;

/** Every deadline in one heap: ends of leases, one entry per consumer, due times and ids, one per queue, idle reply queues, schedules. */
export class Wakes {
  readonly #heap = new TimeHeap<Wanted>();
  /** Entries of schedules that ended, at most: they stay until there are many, or their time comes. */
  #endedMax = 0;

  /** When the next deadline is. */
  get next(): number | undefined {
    return this.#heap.next;
  }

  forConsumer(consumer: Consumer, at: number): void {
    if (isNearer(at, consumer.wake)) consumer.wake = this.#heap.add(at, { consumer }, consumer.wake);
  }

  forQueue(queue: Queue): void {
    const at = queue.nextDue;
    if (at !== undefined) this.forQueueAt(queue, at);
  }

  forQueueAt(queue: Queue, at: number): void {
    if (queue.consumers.size > 0 && isNearer(at, queue.wake)) queue.wake = this.#heap.add(at, { queue }, queue.wake);
  }

  /** When its delays and expiries are to be looked at, whether anybody consumes it or not. */
  forTimes(queue: Queue): void {
    const at = Math.min(queue.delays.nextLook, queue.expiry.next);
    if (isNearer(at, queue.timesWake)) queue.timesWake = this.#heap.add(at, { times: queue }, queue.timesWake);
  }

  /** When ids that it remembers are to be forgotten though nothing else changes. */
  forIds(queue: Queue): void {
    const at = queue.ids.overAt(queue.dedupWindowMs);
    if (isNearer(at, queue.idsWake)) queue.idsWake = this.#heap.add(at, { ids: queue }, queue.idsWake);
  }

  forIdle(queue: Queue, at: number): void {
    this.#heap.add(at, { idle: queue });
  }

  forSchedule(schedule: Schedule, at: number): void {
    this.#heap.add(at, { schedule });
  }

  /** A schedule ended. */
  noteEnded(): void {
    if (++this.#endedMax < ENDED_MAX || this.#endedMax < this.#heap.size / 2) return;
    this.#endedMax = 0;
    this.#heap.retain(({ schedule }) => schedule?.ended !== true);
  }

  /** The queue is gone, and its consumers with it. */
  forget(queue: Queue): void {
    this.#heap.retain(
      (wanted) => ![wanted.queue, wanted.times, wanted.idle, wanted.ids, wanted.consumer?.queue, wanted.schedule?.queue].includes(queue),
    );
  }

  /** Takes the next deadline that is over. */
  take(now: number): Wanted | undefined {
    const wanted = this.#heap.take(now);
    if (wanted === undefined) return undefined;
    const { queue, times, ids, consumer } = wanted;
    if (queue !== undefined) queue.wake = undefined;
    if (times !== undefined) times.timesWake = undefined;
    if (ids !== undefined) ids.idsWake = undefined;
    if (consumer !== undefined) consumer.wake = undefined;
    return wanted;
  }
}
