import type { ChainLeasing } from "./chain-leasing.js";
import type { CommitBuilder } from "./commit.js";
import type { Consumer } from "./consumer.js";
import type { Delays } from "./delays.js";
import type { Hints } from "./hints.js";
import type { Lease } from "./lease.js";
import type { Allowance, Given } from "./lease-call.js";
import type { LevelLeasing } from "./level-leasing.js";
import type { Wakes } from "./wakes.js";

/** Leases to a consumer what it may take, from where its queue keeps it, and sees to what comes of that. */
export class Leasing {
  readonly #levels: LevelLeasing;
  readonly #chains: ChainLeasing;
  readonly #delays: Delays;
  readonly #commit: CommitBuilder;
  readonly #wakes: Wakes;
  readonly #hints: Hints;

  constructor(levels: LevelLeasing, chains: ChainLeasing, delays: Delays, commit: CommitBuilder, wakes: Wakes, hints: Hints) {
    this.#levels = levels;
    this.#chains = chains;
    this.#delays = delays;
    this.#commit = commit;
    this.#wakes = wakes;
    this.#hints = hints;
  }

  /** Leases at most `count` messages of `bytesMax` bytes. The consumer would take `wanted` with the calls to come. */
  lease(consumer: Consumer, count: number, bytesMax: number, now: number, wanted: number): Given {
    const { queue } = consumer;
    const { ratePerSecondMax } = queue.options;
    const leases: Lease[] = [];
    if (queue.paused) return { leases, wait: false };
    const { capacity } = consumer;
    const asked = Math.min(count, capacity);
    const allowance: Allowance = { count: asked, bytes: bytesMax };
    if (ratePerSecondMax > 0) {
      allowance.count = Math.min(allowance.count, queue.pace.allowed(ratePerSecondMax, now));
      if (allowance.count === 0) return this.#waitForPace(consumer, now);
    }
    const until = now + queue.options.leaseMs;
    const { wait, cut, more } =
      queue.chains === undefined
        ? this.#levels.lease(consumer, leases, allowance, until, now)
        : this.#chains.lease(consumer, queue.chains, leases, allowance, until, now);
    if (this.#delays.isDue(queue, now)) this.#hints.due.add(queue);
    const taken = leases.length;
    const room = ratePerSecondMax > 0 ? allowance.count : Math.min(wanted, capacity);
    consumer.ahead = cut ? taken : Math.max(0, room - taken);
    if (queue.chains !== undefined && queue.chains.wanting.size > 0) this.#hints.wanting.add(queue);
    if (more) this.#hints.work.add(queue);
    if (taken === 0) {
      this.#wakes.forQueue(queue);
      this.#hints.wanting.add(queue);
      return { leases, wait: false };
    }
    queue.inFlight += taken;
    queue.rates.deliver(now, taken);
    if (ratePerSecondMax > 0) queue.pace.take(taken);
    this.#watch(consumer, leases, until);
    if (queue.wantsLog !== undefined || queue.levels.needsLoading) this.#hints.wanting.add(queue);
    if (taken < asked) {
      this.#wakes.forQueue(queue);
      this.#hints.wanting.add(queue);
      // Whoever gets less than was asked for waits for word of more: there is some already.
      if (taken === allowance.count) this.#hints.work.add(queue);
    }
    const beyondMark = queue.chains === undefined && queue.cursor - 1 > Math.min(queue.leasedThrough, queue.leasedThroughDurable);
    if (!wait && !beyondMark) return { leases, wait: false };
    this.#commit.touch(queue);
    for (const lease of leases) lease.waits = true;
    return { leases, wait: true };
  }

  #waitForPace(consumer: Consumer, now: number): Given {
    const { queue } = consumer;
    consumer.ahead = 0;
    if (consumer.capacity > 0) this.#wakes.forQueueAt(queue, Math.max(now + 1, queue.pace.next(queue.options.ratePerSecondMax)));
    return { leases: [], wait: false };
  }

  /** The consumer holds the leases until they are settled or end. */
  #watch(consumer: Consumer, leases: readonly Lease[], until: number): void {
    const regular = consumer.latestUntil <= until;
    consumer.latestUntil = Math.max(consumer.latestUntil, until);
    for (const lease of leases) (regular ? consumer.leases : consumer.irregular).set(lease.lease, lease);
    this.#wakes.forConsumer(consumer, until);
  }
}
