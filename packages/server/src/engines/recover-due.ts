import type { Core } from "../core/core.js";
import type { DueList } from "../core/due-list.js";
import { NO_MARK } from "../core/due-mark.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Entry, Store } from "../store.js";
import { justAfter } from "./pages.js";

/** What one commit takes of it. */
const ENTRIES_MAX = 10_000;
const BYTES_MAX = 16_777_216;

/**
 * Counts the attempts of what was in flight of the due lists when the life before this one ended, before anything else
 * happens in this one. `commit` makes durable what was done so far.
 */
export async function recoverDue(core: Core, store: Store, now: number, commit: () => Promise<void>): Promise<void> {
  for (const queue of core.catalog.all()) {
    for (const list of queue.levels.lists) if (list.mark !== NO_MARK) await recoverList(core, store, queue, list, now, commit);
  }
}

async function recoverList(core: Core, store: Store, queue: Queue, list: DueList, now: number, commit: () => Promise<void>): Promise<void> {
  const to = justAfter(keys.dueKey(queue.number, { list: list.number, ...list.mark }));
  for (let { from } = keys.dueRange(queue.number, list.number) as { from: Uint8Array }; ; ) {
    const entries = await store.read({ from, to, entriesMax: ENTRIES_MAX, bytesMax: BYTES_MAX });
    const last = entries.at(-1);
    const complete = last === undefined || (entries.length < ENTRIES_MAX && bytesOf(entries) < BYTES_MAX);
    core.recovery.recoverDue(queue, list, entries, complete, now);
    if (complete) return;
    await commit();
    from = justAfter(last[0]);
  }
}

const bytesOf = (entries: readonly Entry[]): number => entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
