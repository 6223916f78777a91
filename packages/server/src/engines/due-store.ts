import { type DueMessage, unpackDue } from "../core/due-list.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../store.js";
import { entriesOf } from "./pages.js";

/**
 * Every entry of a queue's due lists that the store has and no purge took, list by list: of each level the new ones before those that
 * failed, since that is the way they go meanwhile.
 */
export async function* storedDue(queue: Queue, store: Store): AsyncGenerator<{ message: DueMessage; record: Uint8Array }> {
  for (const { number } of [...queue.levels.lists].reverse()) {
    for await (const [key, value] of entriesOf(store, keys.dueRange(queue.number, number))) {
      const found = unpackDue(keys.duePlaceOf(key), value);
      if (found.message.sequence >= queue.purgedBelow) yield found;
    }
  }
}
