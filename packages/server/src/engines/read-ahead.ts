import type { Clock } from "../clock.js";
import type { Chain } from "../core/chain.js";
import { HELD_LOADED_MAX } from "../core/chains.js";
import type { Core } from "../core/core.js";
import type { DueList } from "../core/due-list.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Entry, Store } from "../store.js";
import { takeAll } from "../take-all.js";
import { pagesOf } from "./pages.js";

const ENTRIES_MAX = 4_096;
const DUE_BYTES_MAX = 1_048_576;

/** Starts the reads of all queues that may want one. `guard` waits for a read. */
export function readAhead(core: Core, store: Store, clock: Clock, guard: (read: Promise<void>) => void): void {
  for (const queue of takeAll(core.wanting)) {
    if (queue.readsAhead && queue.wantsLog !== undefined && core.loader.fillBytes(queue) > 0) guard(fillWindow(core, store, queue, clock));
    if (queue.leftMeanwhile !== undefined) continue;
    if (queue.levels.needsLoading && queue.readsAhead) {
      for (const list of queue.levels.lists) if (list.needsLoading && !list.reading) guard(fillDueList(core, store, queue, list));
    }
    if (queue.chains !== undefined && queue.readsAhead) {
      for (const chain of takeAll(queue.chains.wanting)) guard(fillChain(core, store, queue, chain, clock));
    }
  }
}

/** Reads the next blocks of a queue's log into its window. */
export async function fillWindow(core: Core, store: Store, queue: Queue, clock: Clock): Promise<void> {
  const from = queue.windowEnd;
  const durableNext = queue.durableNext;
  queue.readingLog = true;
  try {
    const blocks = await store.read({
      from: keys.blockKey(queue.number, from),
      to: keys.blockKey(queue.number, durableNext),
      entriesMax: ENTRIES_MAX,
      bytesMax: core.loader.fillBytes(queue),
    });
    const settled = await readBitmaps(store, queue, from, blocks);
    queue.readingLog = false;
    core.loader.fillLog(queue, from, blocks, settled, blocks.length === 0 ? durableNext : 0, clock.now());
  } finally {
    queue.readingLog = false;
  }
  if (queue.wantsLog !== undefined && queue.readsAhead) core.wanting.add(queue);
}

/** Bitmaps of the blocks that were read; only blocks of an earlier life, or that messages were taken out of, can have one. */
export async function readBitmaps(store: Store, queue: Queue, from: number, blocks: readonly Entry[]): Promise<Entry[]> {
  const lastKey = blocks.at(-1)?.[0];
  if (lastKey === undefined || (from >= queue.foundNext && !queue.holed)) return [];
  const range = { from: keys.settledKey(queue.number, from), to: keys.settledKey(queue.number, keys.positionOf(lastKey) + 1) };
  const bitmaps: Entry[] = [];
  for await (const page of pagesOf(store, range, { entriesMax: ENTRIES_MAX, bytesMax: DUE_BYTES_MAX })) bitmaps.push(...page);
  return bitmaps;
}

/** Reads the next stretch of a due list. */
async function fillDueList(core: Core, store: Store, queue: Queue, list: DueList): Promise<void> {
  list.reading = true;
  try {
    const { durableOrder } = queue;
    const { due, order } = list.beginLoad();
    const entries = await store.read({
      from: keys.dueKey(queue.number, { list: list.number, due, order: order + 1 }),
      to: keys.dueRange(queue.number, list.number).to,
      entriesMax: ENTRIES_MAX,
      bytesMax: DUE_BYTES_MAX,
    });
    list.reading = false;
    const complete = entries.length < ENTRIES_MAX && bytesOf(entries) < DUE_BYTES_MAX;
    core.loader.fillDue(queue, list, entries, complete, durableOrder);
  } finally {
    list.reading = false;
  }
  if (list.needsLoading && queue.readsAhead) core.wanting.add(queue);
}

/** Reads the next held messages of a chain that has none in memory. */
async function fillChain(core: Core, store: Store, queue: Queue, chain: Chain, clock: Clock): Promise<void> {
  const from = chain.moreFrom;
  if (from === undefined || chain.reading) return;
  chain.reading = true;
  queue.readingChains++;
  try {
    const entries = await store.read({
      from: keys.heldKey(queue.number, chain.key, from),
      to: keys.heldEnd(queue.number, chain.key),
      entriesMax: HELD_LOADED_MAX,
      bytesMax: DUE_BYTES_MAX,
    });
    const complete = entries.length < HELD_LOADED_MAX && bytesOf(entries) < DUE_BYTES_MAX;
    core.loader.fillChain(queue, chain, entries, complete, clock.now());
  } finally {
    chain.reading = false;
    queue.readingChains--;
  }
}

const bytesOf = (entries: readonly Entry[]): number => entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
