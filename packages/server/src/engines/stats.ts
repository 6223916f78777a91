import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { QueueStats } from "../engine.js";
import type { Store } from "../store.js";

/** The counts of a queue; only the age of its oldest message may need a read. */
export async function statsOf(queue: Queue, store: Store, now: number): Promise<QueueStats> {
  let delayed = 0;
  for (const { due } of queue.due.values()) if (due > now) delayed++;
  return {
    ready: queue.live - queue.inFlight - delayed,
    inFlight: queue.inFlight,
    delayed,
    parked: 0,
    ...queue.counts,
    consumers: queue.consumers.size,
    bytes: queue.bytes,
    oldestAgeMs: queue.live === 0 ? 0 : Math.max(0, now - (await oldest(queue, store, now))),
    paused: false,
  };
}

/** When the oldest message that waits or is in flight was published. */
async function oldest(queue: Queue, store: Store, now: number): Promise<number> {
  let publishedAt = now;
  for (const message of queue.due.values()) publishedAt = Math.min(publishedAt, message.publishedAt);
  for (const consumer of queue.consumers) {
    for (const lease of consumer.leases.values()) publishedAt = Math.min(publishedAt, lease.publishedAt);
    for (const lease of consumer.irregular.values()) publishedAt = Math.min(publishedAt, lease.publishedAt);
  }
  const window = queue.window[0];
  if (window !== undefined) return Math.min(publishedAt, window.publishedAt);
  const head = queue.head;
  const [entry] = await store.read({
    from: keys.blockKey(queue.number, head),
    to: keys.blockKey(queue.number, queue.durableNext),
    entriesMax: 1,
    bytesMax: 1,
  });
  if (entry === undefined) return publishedAt;
  const value = Buffer.from(entry[1].buffer, entry[1].byteOffset, entry[1].byteLength);
  return Math.min(publishedAt, value.readUIntLE(22, 6));
}
