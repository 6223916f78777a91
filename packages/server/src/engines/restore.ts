import { Core } from "../core/core.js";
import * as keys from "../core/keys.js";
import type { LogState } from "../core/log-state.js";
import type { Queue } from "../core/queue.js";
import type { RoomCatalog } from "../core/rooms/room-catalog.js";
import type { Store } from "../store.js";
import { assertNew, LIVES, readMeta } from "./meta.js";
import { entriesOf, justAfter } from "./pages.js";

/**
 * Reads what earlier lives left into a new core, and says which removed queues are still to be cleared. `ENGINE_UNAVAILABLE` for a store
 * that is not one of this program.
 */
export async function restoreCore(store: Store, random: () => number, now: number): Promise<{ core: Core; removed: number[] }> {
  const stored = store.get(keys.metaKey);
  if (stored === undefined) await assertNew(store);
  const meta = stored === undefined ? undefined : readMeta(stored);
  const life = meta === undefined ? Math.floor(random() * LIVES) : (meta.life + 1) % LIVES;
  const core = new Core(life, { get: (key) => store.get(key), random });
  if (meta !== undefined) core.catalog.nextNumber = meta.nextQueue;
  for await (const [key, value] of entriesOf(store, keys.kindRange.definitions)) core.catalog.restoreDefinition(keys.queueOf(key), value);
  for await (const [key, value] of entriesOf(store, keys.kindRange.states)) core.catalog.restoreState(keys.queueOf(key), value);
  for await (const [key, value] of entriesOf(store, keys.kindRange.lists))
    core.catalog.restoreList(keys.queueOf(key), keys.listOf(key), value);
  await restoreRooms(core.rooms.catalog, store);
  const logOf = (key: Uint8Array): LogState | undefined =>
    core.catalog.numbered(keys.queueOf(key)) ?? core.rooms.catalog.numbered(keys.queueOf(key));
  for await (const [key, value] of entriesOf(store, keys.kindRange.producers))
    core.catalog.restoreProducer(logOf(key), keys.producerOf(key), value, now);
  for await (const [key, value] of entriesOf(store, keys.kindRange.ids))
    core.catalog.restoreIds(logOf(key), keys.positionOf(key), value, now);
  for await (const [key, value] of entriesOf(store, keys.kindRange.purged)) core.catalog.restorePurged(keys.queueOf(key), value);
  for await (const [key, value] of entriesOf(store, keys.kindRange.schedules)) {
    const queue = core.catalog.numbered(keys.queueOf(key));
    if (queue !== undefined) core.schedules.restore(queue, keys.scheduleNameOf(key), value);
  }
  for await (const [key] of entriesOf(store, keys.kindRange.heldLeased))
    core.catalog.restoreHeldLeased(keys.queueOf(key), keys.positionOf(key));
  for (const queue of core.catalog.all()) if (queue.chains !== undefined) await restoreHeld(core, store, queue, now);
  core.catalog.writeMeta();
  for (const queue of core.catalog.all()) if (queue.readsAhead) core.wanting.add(queue);
  const removed: number[] = [];
  for await (const [key] of entriesOf(store, keys.kindRange.removed)) removed.push(keys.queueOf(key));
  return { core, removed };
}

async function restoreRooms(rooms: RoomCatalog, store: Store): Promise<void> {
  for await (const [key, value] of entriesOf(store, keys.kindRange.rooms)) rooms.restoreDefinition(keys.queueOf(key), value);
  for await (const [key, value] of entriesOf(store, keys.kindRange.roomStates)) rooms.restoreState(keys.queueOf(key), value);
  for await (const [key, value] of entriesOf(store, keys.kindRange.members)) rooms.restoreMembers(keys.queueOf(key), value);
}

/** Reads the first held messages of each key. */
async function restoreHeld(core: Core, store: Store, queue: Queue, now: number): Promise<void> {
  const { to } = keys.heldRange(queue.number);
  for (let { from } = keys.heldRange(queue.number) as { from: Uint8Array }; ; ) {
    const page = await store.read({ from, to, entriesMax: 1_000, bytesMax: 1_048_576 });
    const last = page.at(-1);
    if (last === undefined) return;
    let taken = { key: "", full: false };
    for (const entry of page) taken = core.recovery.restoreHeld(queue, entry, now);
    from = taken.full ? keys.heldEnd(queue.number, taken.key) : justAfter(last[0]);
  }
}
