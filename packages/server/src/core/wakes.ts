import type { Consumer } from "./consumer.js";
import { Heap } from "./heap.js";
import type { Queue } from "./queue.js";
import type { Schedule } from "./schedule.js";

interface Wake {
  readonly at: number;
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
  /** Entries of schedules that ended, at most: they stay until there are many, or their time comes. */
  #endedMax = 0;
  readonly #heap = new Heap<Wake>((a, b) => a.at < b.at);

  /** When the next deadline is. */
  get next(): number | undefined {
    return this.#heap.peek()?.at;
  }

  forConsumer(consumer: Consumer, at: number): void {
    if (at >= consumer.wakeAt) return;
    consumer.wakeAt = at;
    this.#heap.push({ at, consumer });
  }

  forQueue(queue: Queue): void {
    const at = queue.nextDue;
    if (at !== undefined) this.forQueueAt(queue, at);
  }

  forQueueAt(queue: Queue, at: number): void {
    if (queue.consumers.size === 0 || at >= queue.wakeAt) return;
    queue.wakeAt = at;
    this.#heap.push({ at, queue });
  }

  /** When its delays and expiries are to be looked at, whether anybody consumes it or not. */
  forTimes(queue: Queue): void {
    const at = Math.min(queue.delays.nextLook, queue.expiry.next);
    if (at >= queue.timesWakeAt) return;
    queue.timesWakeAt = at;
    this.#heap.push({ at, times: queue });
  }

  /** When ids that it remembers are to be forgotten though nothing else changes. */
  forIds(queue: Queue): void {
    const at = queue.ids.overAt(queue.dedupWindowMs);
    if (at >= queue.idsWakeAt) return;
    queue.idsWakeAt = at;
    this.#heap.push({ at, ids: queue });
  }

  forIdle(queue: Queue, at: number): void {
    this.#heap.push({ at, idle: queue });
  }

  forSchedule(schedule: Schedule, at: number): void {
    this.#heap.push({ at, schedule });
  }

  /** A schedule ended. */
  noteEnded(): void {
    if (++this.#endedMax < ENDED_MAX || this.#endedMax < this.#heap.size / 2) return;
    this.#endedMax = 0;
    this.#heap.retain((wake) => wake.schedule?.ended !== true);
  }

  /** The queue is gone, and its consumers with it. */
  forget(queue: Queue): void {
    this.#heap.retain((wake) => ![wake.queue, wake.times, wake.idle, wake.ids, wake.consumer?.queue, wake.schedule?.queue].includes(queue));
  }

  /** Takes the next deadline that is over. */
  take(now: number): Wake | undefined {
    const wake = this.#heap.peek();
    if (wake === undefined || wake.at > now) return undefined;
    this.#heap.pop();
    if (wake.queue !== undefined) wake.queue.wakeAt = Number.POSITIVE_INFINITY;
    if (wake.times !== undefined) wake.times.timesWakeAt = Number.POSITIVE_INFINITY;
    if (wake.ids !== undefined) wake.ids.idsWakeAt = Number.POSITIVE_INFINITY;
    if (wake.consumer !== undefined) wake.consumer.wakeAt = Number.POSITIVE_INFINITY;
    return wake;
  }
}
