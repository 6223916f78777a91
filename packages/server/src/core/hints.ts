import type { Consumer } from "./consumer.js";
import type { Queue } from "./queue.js";
import type { Wakes } from "./wakes.js";

/** What the engine is to look at. It takes out of each set what it has looked at. */
export class Hints {
  /** Queues that may have something to lease. */
  readonly work = new Set<Queue>();
  /** Queues whose window, due lists or chains may want a read. */
  readonly wanting = new Set<Queue>();
  /** Consumers that may lease, where they might not before. */
  readonly freed = new Set<Consumer>();
  /** Queues with delayed messages that may be due. */
  readonly due = new Set<Queue>();
  /** Queues with messages that may have expired. */
  readonly aging = new Set<Queue>();
  /** Reply queues that nobody consumed for too long: to be removed. */
  readonly abandoned = new Set<Queue>();
  readonly #wakes: Wakes;

  constructor(wakes: Wakes) {
    this.#wakes = wakes;
  }

  /** The queue has more for its consumers: now, or when it is due. */
  more(queue: Queue): void {
    this.work.add(queue);
    this.#wakes.forQueue(queue);
  }

  /** The queue is gone. */
  forget(queue: Queue): void {
    this.work.delete(queue);
    this.wanting.delete(queue);
    this.due.delete(queue);
    this.aging.delete(queue);
    this.abandoned.delete(queue);
  }
}
