import { isReplyQueue } from "../options.js";
import type { Hints } from "./hints.js";
import type { Queue } from "./queue.js";
import type { Wakes } from "./wakes.js";

/** A reply queue that nobody consumed for so long is removed. */
const REPLY_IDLE_MS = 600_000;

/** Watches reply queues that nobody consumes. */
export class IdleQueues {
  readonly #wakes: Wakes;
  readonly #hints: Hints;

  constructor(wakes: Wakes, hints: Hints) {
    this.#wakes = wakes;
    this.#hints = hints;
  }

  /** The queue is there, or lost a consumer: from now on it may be idle. */
  watch(queue: Queue, now: number): void {
    if (!isReplyQueue(queue.name) || queue.consumers.size > 0) return;
    queue.idleSince = now;
    if (!queue.idleWatched) this.#wakes.forIdle(queue, now + REPLY_IDLE_MS);
    queue.idleWatched = true;
  }

  /** The time came at which it may have been idle for too long. */
  look(queue: Queue, now: number): void {
    queue.idleWatched = false;
    if (queue.consumers.size > 0) return;
    const until = queue.idleSince + REPLY_IDLE_MS;
    if (until <= now) this.#hints.abandoned.add(queue);
    else this.#wakes.forIdle(queue, until);
    queue.idleWatched = until > now;
  }
}
