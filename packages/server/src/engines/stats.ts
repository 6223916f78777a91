import type { Clock } from "../clock.js";
import { Block } from "../core/block.js";
import * as keys from "../core/keys.js";
import type { Lease } from "../core/lease.js";
import type { Queue } from "../core/queue.js";
import type { QueueStats } from "../engine.js";
import type { Store } from "../store.js";
import { DueCensus } from "./due-census.js";
import { OrderLook } from "./order-look.js";

const NO_ORDER = { delayed: 0, parked: 0, blocked: 0 };

/**
 * The counts of a queue, once what they count is durable: who sees that a settlement took effect may rely on it (promise L3).
 *
 * @param caughtUp resolves when what was done up to now is durable
 */
export async function statsOf(queue: Queue, store: Store, clock: Clock, caughtUp: () => Promise<void>): Promise<QueueStats> {
  const stats = await countedNow(queue, store, clock, caughtUp);
  await caughtUp();
  return stats;
}

/**
 * All counts but the delayed ones and the oldest age are kept; those may need reads. What is read comes first, then everything is
 * counted at once, so that all counts are of one moment.
 */
async function countedNow(queue: Queue, store: Store, clock: Clock, caughtUp: () => Promise<void>): Promise<QueueStats> {
  const order = await OrderLook.read(queue, store, caughtUp);
  const stored = await oldestStored(queue, store);
  if (queue.levels.lists.every(({ complete }) => complete)) return count(queue, lookAtDue(queue, clock.now()), order, stored, clock);
  const census = new DueCensus(queue, clock.now());
  try {
    await census.read(store, caughtUp);
    const storedNow = await oldestStored(queue, store);
    return count(queue, lookAt(census, queue), order, storedNow, clock);
  } finally {
    census.end();
  }
}

function count(queue: Queue, due: DueLook, order: OrderLook | undefined, stored: number, clock: Clock): QueueStats {
  const { now } = due;
  const { delayed, parked, blocked } = order?.census(now) ?? NO_ORDER;
  const oldest = Math.min(due.oldest, queue.chains?.oldest ?? Number.POSITIVE_INFINITY, oldestLeased(queue), oldestInLog(queue, stored));
  return {
    ready: queue.live - queue.inFlight - queue.delays.count - due.delayed - delayed - parked,
    inFlight: queue.inFlight,
    delayed: queue.delays.count + due.delayed + delayed,
    parked,
    blocked,
    ...queue.counts,
    consumers: queue.consumers.size,
    bytes: queue.bytes,
    oldestAgeMs: queue.live === 0 || oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(0, now - oldest),
    paused: queue.paused,
    // The look may have taken its time.
    perSecond: queue.rates.at(clock.now(), queue.counts),
  };
}

/** The due lists as they were at one moment, by the time of `now`. */
interface DueLook {
  readonly now: number;
  readonly delayed: number;
  readonly oldest: number;
}

/** Of lists that are in memory. */
function lookAtDue(queue: Queue, now: number): DueLook {
  let delayed = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for (const list of queue.levels.lists) {
    for (const { due, since } of list.waiting()) {
      if (due > now) delayed++;
      oldest = Math.min(oldest, since);
    }
  }
  return { now, delayed, oldest };
}

/** Of a census, whose reads may have taken so long that messages were leased that waited for their time when it began. */
function lookAt({ now, delayed, oldest }: DueCensus, queue: Queue): DueLook {
  let leased = 0;
  for (const { place } of leasesOf(queue)) if (place.due !== undefined && place.due.due > now) leased++;
  return { now, delayed: delayed - leased, oldest };
}

function* leasesOf(queue: Queue): Generator<Lease> {
  for (const { leases, irregular } of queue.consumers) {
    yield* leases.values();
    yield* irregular.values();
  }
}

function oldestLeased(queue: Queue): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const { since } of leasesOf(queue)) oldest = Math.min(oldest, since);
  return oldest;
}

const oldestInLog = (queue: Queue, stored: number): number => queue.window.find(({ live }) => live > 0)?.since ?? stored;

/** The oldest of the log, where memory has nothing of it. */
async function oldestStored(queue: Queue, store: Store): Promise<number> {
  if (queue.window.some(({ live }) => live > 0)) return Number.POSITIVE_INFINITY;
  const [entry] = await store.read({
    from: keys.blockKey(queue.number, queue.window.length > 0 ? queue.windowEnd : queue.head),
    to: keys.blockKey(queue.number, queue.durableNext),
    entriesMax: 1,
    bytesMax: 1,
  });
  return entry === undefined ? Number.POSITIVE_INFINITY : Block.unpack(entry[1]).since;
}
