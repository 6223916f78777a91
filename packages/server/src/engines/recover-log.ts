import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import type { Store } from "../store.js";
import { fillWindow } from "./read-ahead.js";

/** Reads of a log whose findings one commit takes. */
const READS_PER_COMMIT = 64;

/**
 * Counts the attempts of what was in flight of the logs when the life before this one ended, whether anybody consumes them in this one
 * or not. What memory has no room for is counted when a consumer comes. `commit` makes durable what was done so far.
 */
export async function recoverLogs(core: Core, store: Store, clock: Clock, commit: () => Promise<void>): Promise<void> {
  let reads = 0;
  for (const queue of core.catalog.all()) {
    while (queue.recovers) {
      const { cursor } = queue;
      await fillWindow(core, store, queue, clock);
      if (++reads % READS_PER_COMMIT === 0) await commit();
      if (queue.cursor === cursor) break;
    }
  }
}
