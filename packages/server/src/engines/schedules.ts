import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import { unpackSchedule } from "../core/schedule.js";
import type { Page } from "../engine.js";
import type { StoredSchedule } from "../scheduling.js";
import type { Store } from "../store.js";
import { justAfter } from "./pages.js";

/** More than a page of schedules, without their messages, ever takes. */
const PAGE_BYTES_MAX = 4_194_304;

/** The queue's schedules as the last commit left them, by name. */
export async function readSchedules(
  store: Store,
  queue: Queue,
  after: string | undefined,
  limit: number,
): Promise<Page<StoredSchedule, string>> {
  const from = after === undefined ? keys.scheduleKey(queue.number, "") : justAfter(keys.scheduleKey(queue.number, after));
  const entries = await store.read({ from, to: keys.schedulesEnd(queue.number), entriesMax: limit + 1, bytesMax: PAGE_BYTES_MAX });
  const items: StoredSchedule[] = [];
  for (const [key, value] of entries.slice(0, limit)) {
    const { name, cron, timezone, next, last, published, skipped } = unpackSchedule(queue, keys.scheduleNameOf(key), value);
    const record = store.get(keys.scheduledKey(queue.number, name));
    // It may have been removed since.
    if (record !== undefined) items.push({ name, cron, timezone, record, next, last, published, skipped });
  }
  const last = entries[limit - 1];
  return last !== undefined && entries.length > limit ? { items, next: keys.scheduleNameOf(last[0]) } : { items };
}
