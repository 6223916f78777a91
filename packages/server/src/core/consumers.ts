import type { CommitBuilder } from "./commit.js";
import { Consumer, type EndedLeases } from "./consumer.js";
import type { Hints } from "./hints.js";
import type { IdleQueues } from "./idle-queues.js";
import type { Queue } from "./queue.js";
import type { Transitions } from "./transitions.js";
import type { Wakes } from "./wakes.js";
import type { Windows } from "./window.js";

const NONE: readonly EndedLeases[] = [];

/** Who consumes: they come and go, and lose leases without their doing. */
export class Consumers {
  readonly #commit: CommitBuilder;
  readonly #transitions: Transitions;
  readonly #windows: Windows;
  readonly #idle: IdleQueues;
  readonly #wakes: Wakes;
  readonly #hints: Hints;
  readonly #byNumber = new Map<number, Consumer>();
  #nextNumber = 1;

  constructor(commit: CommitBuilder, transitions: Transitions, windows: Windows, idle: IdleQueues, wakes: Wakes, hints: Hints) {
    this.#commit = commit;
    this.#transitions = transitions;
    this.#windows = windows;
    this.#idle = idle;
    this.#wakes = wakes;
    this.#hints = hints;
  }

  numbers(): number[] {
    return [...this.#byNumber.keys()];
  }

  numbered(number: number): Consumer | undefined {
    return this.#byNumber.get(number);
  }

  attach(queue: Queue, maxInFlight: number): Consumer {
    const consumer = new Consumer(this.#nextNumber++, queue, maxInFlight);
    queue.consumers.add(consumer);
    this.#byNumber.set(consumer.number, consumer);
    this.#hints.wanting.add(queue);
    this.#hints.more(queue);
    return consumer;
  }

  /** Gives back what the consumer holds; `counted` says that it counts as an attempt. */
  detach(consumer: Consumer, counted: boolean, now: number): void {
    const { queue } = consumer;
    const wasHolder = queue.holder === consumer;
    this.#byNumber.delete(consumer.number);
    queue.consumers.delete(consumer);
    const leases = [...consumer.leases.values(), ...consumer.irregular.values()].sort((a, b) => a.lease - b.lease);
    consumer.leases.clear();
    consumer.irregular.clear();
    for (const lease of leases) this.#transitions.giveBack(lease, counted && !lease.waits, now);
    this.#commit.touch(queue);
    if (wasHolder && queue.chains?.fifo === true) this.#passOn(queue);
    if (!queue.readsAhead) this.#windows.drop(queue);
    this.#idle.watch(queue, now);
  }

  /** The consumer that may lease from a `fifo` queue is gone: the one attached longest is next. */
  #passOn(queue: Queue): void {
    if (queue.holder !== undefined) this.#hints.freed.add(queue.holder);
    this.#hints.work.add(queue);
  }

  /** Forgets those of a queue that is about to be removed, and returns them. */
  remove(queue: Queue): Consumer[] {
    const consumers = [...queue.consumers];
    for (const consumer of consumers) this.#byNumber.delete(consumer.number);
    queue.consumers.clear();
    return consumers;
  }

  /** Ends the leases of the consumer that ran out; undefined when none did. */
  expire(consumer: Consumer, now: number): EndedLeases | undefined {
    if (this.#byNumber.get(consumer.number) !== consumer) return undefined;
    const ended: number[] = [];
    for (const lease of consumer.expired(now)) {
      if (consumer.take(lease.lease) === undefined) {
        // The one before it in a `fifo` queue took it back: that counts no attempt, but it ran out without an answer as well.
        consumer.expiredInARow++;
        continue;
      }
      ended.push(lease.lease);
      if (lease.waits) this.#transitions.giveBack(lease, false, now);
      else {
        this.#transitions.fail(lease, now, undefined, undefined);
        consumer.expiredInARow++;
      }
    }
    if (ended.length > 0) this.#commit.touch(consumer.queue);
    const next = consumer.nextExpiry;
    if (next !== Number.POSITIVE_INFINITY) this.#wakes.forConsumer(consumer, next);
    return ended.length === 0 ? undefined : { consumer, leases: ended };
  }

  /** The leases that ended since this was last asked, because one before them in a `fifo` queue did. */
  takeRevoked(): readonly EndedLeases[] {
    if (this.#transitions.revoked.length === 0) return NONE;
    const revoked = new Map<Consumer, number[]>();
    for (const { consumer, lease } of this.#transitions.revoked.splice(0)) {
      const leases = revoked.get(consumer);
      if (leases === undefined) revoked.set(consumer, [lease]);
      else leases.push(lease);
    }
    return Array.from(revoked, ([consumer, leases]) => ({ consumer, leases }));
  }
}
