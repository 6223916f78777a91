import { HoldfastError, RecordView } from "holdfast-client/protocol";
import type { Block } from "./block.js";
import { blockOf } from "./block-of.js";
import type { CommitBuilder } from "./commit.js";
import type { Consumer, EndedLeases } from "./consumer.js";
import type { DueEntries } from "./due-entries.js";
import { BLOCKED } from "./held-message.js";
import type { Hints } from "./hints.js";
import { withoutHistory } from "./history.js";
import * as keys from "./keys.js";
import type { Lease } from "./lease.js";
import type { Letter } from "./letter.js";
import { storeOne } from "./log.js";
import type { Queue } from "./queue.js";
import { withoutDelay } from "./timing.js";
import type { CoreContext, Transitions } from "./transitions.js";
import type { Windows } from "./window.js";

/** What was purged. */
export interface Purged {
  readonly count: number;
  readonly ended: readonly EndedLeases[];
}

/**
 * Looks after queues: purge, pause, blocked keys, and letters taken out of the middle.
 *
 * A purge is a mark: every message there is has a sequence below the next one, so one small commit says that all below it
 * are gone, whatever their number. What the store still has of them is cleared afterwards, and nothing reads it meanwhile.
 */
export class Administration {
  readonly #commit: CommitBuilder;
  readonly #windows: Windows;
  readonly #transitions: Transitions;
  readonly #entries: DueEntries;
  readonly #hints: Hints;
  readonly #context: CoreContext;

  constructor(commit: CommitBuilder, windows: Windows, transitions: Transitions, entries: DueEntries, hints: Hints, context: CoreContext) {
    this.#commit = commit;
    this.#windows = windows;
    this.#transitions = transitions;
    this.#entries = entries;
    this.#hints = hints;
    this.#context = context;
  }

  pause(queue: Queue): void {
    queue.paused = true;
    queue.definitionDirty = true;
    // Nothing is about to be sent, so a crash must not count attempts for it.
    for (const consumer of queue.consumers) consumer.ahead = 0;
    this.#commit.touch(queue);
  }

  /** Leases from a paused queue again. */
  resume(queue: Queue): void {
    queue.paused = false;
    queue.definitionDirty = true;
    this.#commit.touch(queue);
    this.#hints.wanting.add(queue);
    this.#hints.more(queue);
  }

  /** Lets a blocked key go on; `NOT_FOUND` when it is not blocked. Of a `fifo` queue no key means whichever holds it. */
  unblock(queue: Queue, key: string, action: "skip" | "retry", now: number): void {
    const { chains } = queue;
    const chain = chains?.find(chains.fifo ? "" : key);
    const head = chain?.head;
    const isBlocked = chain !== undefined && chain.frozen === 0 && head !== undefined && head.block === undefined && head.due === BLOCKED;
    if (!isBlocked || (key !== chain.key && key !== keyOf(this.#transitions.storedHeld(queue, chain, head)))) {
      throw new HoldfastError("NOT_FOUND", `key ${JSON.stringify(key)} of queue ${queue.name} is not blocked`);
    }
    chain.take(head);
    this.#transitions.unblock(queue, chain, head, action, now);
  }

  /** Every message of the queue is gone, those in flight and those of the commit being filled too (promise G1). */
  purge(queue: Queue): Purged {
    const count = queue.live;
    const ended: EndedLeases[] = [];
    this.#commit.touch(queue);
    if (count === 0) return { count, ended };
    for (const consumer of queue.consumers) {
      const leases = [...consumer.leases.keys(), ...consumer.irregular.keys()].sort((a, b) => a - b);
      if (leases.length > 0) ended.push({ consumer, leases });
      consumer.leases.clear();
      consumer.irregular.clear();
    }
    queue.pending = [];
    queue.unshown = [];
    queue.dirtyBlocks.clear();
    this.#windows.empty(queue);
    queue.levels.empty();
    queue.delays.empty();
    if (queue.chains !== undefined) this.#emptyChains(queue);
    queue.counts.purged += count;
    queue.live = 0;
    queue.dueCount = 0;
    for (const watcher of queue.dueWatchers) watcher.emptied();
    queue.bytes = 0;
    queue.inFlight = 0;
    queue.purgedBelow = queue.next;
    const mark = Buffer.alloc(6);
    mark.writeUIntLE(queue.purgedBelow, 0, 6);
    this.#commit.write(keys.purgedKey(queue.number), mark);
    return { count, ended };
  }

  /** What a commit under way would show in the old chains finds them gone. */
  #emptyChains(queue: Queue): void {
    this.#commit.forgetChains(queue);
    queue.order();
    queue.heldCount = 0;
  }

  /** Entries below the mark are to be deleted. */
  clearEntries(entryKeys: readonly Uint8Array[]): void {
    for (const key of entryKeys) this.#commit.write(key, undefined);
  }

  /** The store has nothing left below the mark. */
  cleared(queue: Queue): void {
    this.#commit.write(keys.purgedKey(queue.number), undefined);
  }

  /** Moves letters to the end of `origin`, as they were before they died; one in flight stays. Returns how many it moved. */
  redrive(queue: Queue, letters: readonly Letter[], origin: Queue, now: number): number {
    const leased = leasesBySequence(queue);
    const moved = letters.filter(({ sequence }) => isThere(queue, sequence) && !leased.has(sequence));
    this.#takeOut(queue, moved);
    // What it waited for is over, and its time to live begins anew: else it would expire at once.
    for (const { record } of moved) storeOne(origin, withoutDelay(withoutHistory(record)), this.#entries, now, "redriven");
    queue.counts.acked += moved.length;
    if (moved.length > 0) this.#commit.touch(origin);
    return moved.length;
  }

  /** Removes letters for good, those in flight too. */
  discard(queue: Queue, letters: readonly Letter[]): Purged {
    const leased = leasesBySequence(queue);
    const there = letters.filter(({ sequence }) => isThere(queue, sequence));
    const waiting = there.filter(({ sequence }) => !leased.has(sequence));
    const ended = new Map<Consumer, number[]>();
    for (const { sequence } of there) {
      const lease = leased.get(sequence);
      if (lease?.consumer.take(lease.lease) === undefined) continue;
      this.#transitions.finish(lease, "purged");
      const leases = ended.get(lease.consumer) ?? [];
      leases.push(lease.lease);
      ended.set(lease.consumer, leases);
    }
    this.#takeOut(queue, waiting);
    queue.counts.purged += waiting.length;
    return { count: there.length, ended: [...ended].map(([consumer, leases]) => ({ consumer, leases })) };
  }

  /** Takes messages that nobody holds out of the queue, wherever in it they lie. */
  #takeOut(queue: Queue, letters: readonly Letter[]): void {
    const read = new Map<number, Block>();
    const orders = new Set<number>();
    for (const { sequence, record, place } of letters) {
      queue.leftMeanwhile?.add(sequence);
      queue.live--;
      queue.bytes -= record.length;
      if (place.due !== undefined) {
        orders.add(place.due.order);
        this.#entries.remove(queue, place.due);
        continue;
      }
      const block = read.get(place.block) ?? this.#blockOf(queue, place.block);
      read.set(place.block, block);
      this.#windows.settle(queue, block, sequence - block.first);
    }
    if (orders.size > 0) queue.levels.forget(orders);
    if (queue.live === 0) this.#windows.empty(queue);
    queue.holed = true;
    this.#commit.touch(queue);
  }

  #blockOf(queue: Queue, first: number): Block {
    const block = blockOf(queue, first, this.#context);
    if (block === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queue.number}/${first} is missing`);
    return block;
  }
}

const keyOf = (record: Uint8Array): string | undefined => new RecordView(record, 0, record.length).key;

/** Whether a message that was found is still in the queue. */
export const isThere = (queue: Queue, sequence: number): boolean =>
  sequence >= queue.purgedBelow && queue.leftMeanwhile?.has(sequence) !== true;

export function leasesBySequence(queue: Queue): Map<number, Lease> {
  const leased = new Map<number, Lease>();
  for (const consumer of queue.consumers) {
    for (const lease of consumer.leases.values()) leased.set(lease.sequence, lease);
    for (const lease of consumer.irregular.values()) leased.set(lease.sequence, lease);
  }
  return leased;
}
