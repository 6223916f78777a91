import type { Core } from "../core/core.js";
import { unpackDue } from "../core/due-list.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Entry, KeyRange, Store } from "../store.js";
import { pagesOf } from "./pages.js";
import type { Reclaimer } from "./reclaimer.js";
import type { Steps } from "./steps.js";

/** Entries of a due list that one commit deletes at most. */
const ENTRIES_MAX = 1_000;
const BYTES_MAX = 1_048_576;

/** Clears what a purge left in the store; a restart that finds its mark does so again. One at a time for a queue. */
export async function clearBelow(core: Core, store: Store, reclaimer: Reclaimer, queue: Queue, steps: Steps): Promise<void> {
  // The one under way sees the new mark.
  if (queue.clearing) return;
  queue.clearing = true;
  try {
    for (let below = 0; below < queue.purgedBelow; ) {
      below = queue.purgedBelow;
      // Before its mark is durable nothing may go.
      await steps.durable();
      await reclaimer.clear(keys.rangeBelow(keys.blockKey, queue.number, below), keys.rangeBelow(keys.settledKey, queue.number, below));
      for (const { number } of queue.levels.lists) {
        await clearEntries(core, store, keys.dueRange(queue.number, number), dueSequence, below, steps);
      }
      await clearEntries(core, store, keys.delayedRange(queue.number), ([key]) => keys.delayedFirstOf(key), below, steps);
      await clearEntries(core, store, keys.expiryRange(queue.number), ([key]) => keys.expiryOf(key).sequence, below, steps);
      // Whatever its ordering is by now: one may have been given since.
      await reclaimer.clear(keys.rangeBelow(keys.heldLeasedKey, queue.number, below));
      await clearEntries(core, store, keys.heldRange(queue.number), ([key]) => keys.heldOf(key).rank.sequence, below, steps);
    }
    steps.run(() => core.administration.cleared(queue));
  } finally {
    queue.clearing = false;
  }
}

const dueSequence = ([key, value]: Entry): number => unpackDue(keys.duePlaceOf(key), value).message.sequence;

/** Newer messages lie between those that were purged, so the range is looked through entry by entry. */
async function clearEntries(
  core: Core,
  store: Store,
  range: KeyRange,
  sequenceOf: (entry: Entry) => number,
  below: number,
  steps: Steps,
): Promise<void> {
  for await (const page of pagesOf(store, range, { entriesMax: ENTRIES_MAX, bytesMax: BYTES_MAX })) {
    const purged = page.filter((entry) => sequenceOf(entry) < below);
    if (purged.length === 0) continue;
    steps.run(() => core.administration.clearEntries(purged.map(([key]) => key)));
    await steps.durable();
  }
}
