import type { Core } from "../core/core.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../store.js";
import { pagesOf } from "./pages.js";

/** What one commit moves. */
const ENTRIES_MAX = 10_000;
const BYTES_MAX = 16_777_216;

/**
 * Moves messages of ordered queues to their places that had them by the clock of an earlier life, and would have to wait
 * by the clock of this one, which was set back. It is done before anything else is stored, which would overtake them.
 * `commit` makes durable what was done so far.
 */
export async function recoverDelays(core: Core, store: Store, now: number, commit: () => Promise<void>): Promise<void> {
  for (const queue of core.catalog.all()) {
    if (queue.delays.placedThrough <= now) continue;
    if (queue.delays.count > 0) await recoverQueue(core, store, queue, now, commit);
    core.delays.endRecovery(queue);
  }
}

async function recoverQueue(core: Core, store: Store, queue: Queue, now: number, commit: () => Promise<void>): Promise<void> {
  const { placedThrough } = queue.delays;
  const { from } = keys.delayedRange(queue.number);
  const to = keys.delayedKey(queue.number, placedThrough + 1, 0);
  for await (const entries of pagesOf(store, { from, to }, { entriesMax: ENTRIES_MAX, bytesMax: BYTES_MAX })) {
    core.delays.promote(queue, entries, now, placedThrough);
    await commit();
  }
}
