import { Block } from "../core/block.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { QueueStats } from "../engine.js";
import type { Store } from "../store.js";
import { storedDue } from "./due-store.js";

const NO_CHAINS = { delayed: 0, parked: 0, blocked: 0 };

/** The counts of a queue. All but the delayed ones and the oldest age are kept; those may need a read. */
export async function statsOf(queue: Queue, store: Store, now: number): Promise<QueueStats> {
  const due = queue.levels.lists.every(({ complete }) => complete) ? lookAtDue(queue, now) : await readDue(queue, store, now);
  const oldest = Math.min(
    due.oldest,
    queue.chains?.oldest ?? Number.POSITIVE_INFINITY,
    oldestLeased(queue),
    await oldestInLog(queue, store),
  );
  const { delayed, parked, blocked } = queue.chains?.census(now, queue.heldCount) ?? NO_CHAINS;
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
  };
}

interface DueLook {
  delayed: number;
  oldest: number;
}

function lookAtDue(queue: Queue, now: number): DueLook {
  const look: DueLook = { delayed: 0, oldest: Number.POSITIVE_INFINITY };
  for (const list of queue.levels.lists) for (const message of list.values()) note(look, message, now);
  return look;
}

function note(look: DueLook, message: { readonly due: number; readonly since: number }, now: number): void {
  if (message.due > now) look.delayed++;
  look.oldest = Math.min(look.oldest, message.since);
}

/** The same from disk, when memory has only a stretch of a list. */
async function readDue(queue: Queue, store: Store, now: number): Promise<DueLook> {
  const look: DueLook = { delayed: 0, oldest: Number.POSITIVE_INFINITY };
  for await (const { message } of storedDue(queue, store)) note(look, message, now);
  return look;
}

function oldestLeased(queue: Queue): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const consumer of queue.consumers) {
    for (const lease of consumer.leases.values()) oldest = Math.min(oldest, lease.since);
    for (const lease of consumer.irregular.values()) oldest = Math.min(oldest, lease.since);
  }
  return oldest;
}

async function oldestInLog(queue: Queue, store: Store): Promise<number> {
  const waiting = queue.window.find(({ live }) => live > 0);
  if (waiting !== undefined) return waiting.since;
  const [entry] = await store.read({
    from: keys.blockKey(queue.number, queue.window.length > 0 ? queue.windowEnd : queue.head),
    to: keys.blockKey(queue.number, queue.durableNext),
    entriesMax: 1,
    bytesMax: 1,
  });
  return entry === undefined ? Number.POSITIVE_INFINITY : Block.unpack(entry[1]).since;
}
