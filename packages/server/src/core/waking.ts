import type { CommitBuilder } from "./commit.js";
import type { Compactor } from "./compactor.js";
import type { EndedLeases } from "./consumer.js";
import type { Consumers } from "./consumers.js";
import type { Delays } from "./delays.js";
import type { Hints } from "./hints.js";
import type { IdleQueues } from "./idle-queues.js";
import type { Queue } from "./queue.js";
import type { Rooms } from "./rooms/rooms.js";
import { SCHEDULED_BYTES_PER_TURN, type Schedules } from "./schedules.js";
import { NEVER } from "./timing.js";
import type { Wakes } from "./wakes.js";

/** What is done when a deadline is over, whoever set it. */
export class Waking {
  readonly #commit: CommitBuilder;
  readonly #wakes: Wakes;
  readonly #hints: Hints;
  readonly #consumers: Consumers;
  readonly #delays: Delays;
  readonly #idle: IdleQueues;
  readonly #schedules: Schedules;
  readonly #compactor: Compactor;
  readonly #rooms: Rooms;

  constructor(
    commit: CommitBuilder,
    wakes: Wakes,
    hints: Hints,
    consumers: Consumers,
    delays: Delays,
    idle: IdleQueues,
    schedules: Schedules,
    compactor: Compactor,
    rooms: Rooms,
  ) {
    this.#commit = commit;
    this.#wakes = wakes;
    this.#hints = hints;
    this.#consumers = consumers;
    this.#delays = delays;
    this.#idle = idle;
    this.#schedules = schedules;
    this.#compactor = compactor;
    this.#rooms = rooms;
  }

  /** When `wake` is to be called next. */
  get next(): number | undefined {
    const next = Math.min(this.#wakes.next ?? NEVER, this.#compactor.next ?? NEVER, this.#rooms.nextWake ?? NEVER);
    return next === NEVER ? undefined : next;
  }

  /**
   * Ends the leases that ran out by `now`, lets schedules publish, and says which queues have messages that became due.
   * What is over by `now` and does not fit in one turn is left for the next, and `next` is in the past then.
   */
  wake(now: number): EndedLeases[] {
    const expired: EndedLeases[] = [];
    this.#compactor.look(now);
    this.#rooms.wake(now);
    let bytesLeft = SCHEDULED_BYTES_PER_TURN;
    for (let wake = this.#wakes.take(now); wake !== undefined; wake = bytesLeft > 0 ? this.#wakes.take(now) : undefined) {
      const { queue, consumer, idle, schedule, times, ids } = wake;
      if (ids !== undefined) this.#lookAtIds(ids, now);
      if (times !== undefined) this.lookAtTimes(times, now);
      if (schedule !== undefined) bytesLeft -= this.#schedules.fire(schedule, now);
      if (idle !== undefined) this.#idle.look(idle, now);
      if (queue !== undefined) this.#lookAtDue(queue, now);
      const ended = consumer === undefined ? undefined : this.#consumers.expire(consumer, now);
      if (ended !== undefined) expired.push(ended);
    }
    return expired;
  }

  /** Says whether something of the queue's delays or expiries is to be done now, and wakes for what comes next. */
  lookAtTimes(queue: Queue, now: number): void {
    if (this.#delays.isDue(queue, now)) this.#hints.due.add(queue);
    if (queue.expiry.next <= now) this.#hints.aging.add(queue);
    if (Math.min(queue.delays.nextLook, queue.expiry.next) > now) this.#wakes.forTimes(queue);
  }

  /** A commit of the queue forgets what is over; where there is more, its effects wake again. */
  #lookAtIds(queue: Queue, now: number): void {
    if (queue.ids.overAt(queue.dedupWindowMs) <= now) this.#commit.touch(queue);
    else this.#wakes.forIds(queue);
  }

  /** A message that waited for its time may be leased. */
  #lookAtDue(queue: Queue, now: number): void {
    this.#hints.work.add(queue);
    queue.chains?.promote(now);
    if (!queue.levels.isReady(now)) this.#wakes.forQueue(queue);
  }
}
