import type { Clock } from "../clock.js";
import { Block } from "../core/block.js";
import { BLOCKED, type HeldMessage, unpackHeld } from "../core/held-message.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Page, Peeked } from "../engine.js";
import type { Store } from "../store.js";
import { storedDue } from "./due-store.js";
import { OrderLook } from "./order-look.js";
import { entriesOf } from "./pages.js";

/**
 * Looks at the stored messages with a sequence above `after`, in order, from the log and the due lists, once what was done up to now
 * is durable: of a settlement under way neither memory nor the store has the message where it belongs.
 *
 * @param caughtUp resolves when what was done up to now is durable
 */
export async function peekQueue(
  queue: Queue,
  store: Store,
  clock: Clock,
  caughtUp: () => Promise<void>,
  from: number,
  limit: number,
): Promise<Page<Peeked, number>> {
  await caughtUp();
  const order = await OrderLook.read(queue, store, caughtUp);
  const now = clock.now();
  const after = Math.max(from, queue.purgedBelow - 1);
  const inFlight = leasedSequences(queue);
  const state = (sequence: number, due: number): Peeked["state"] => {
    if (inFlight.has(sequence)) return "in-flight";
    return due > now ? "delayed" : "ready";
  };
  const places = placesIn(queue, order, now);
  const found: Peeked[] = [];
  for await (const message of dueMessages(queue, store, after, limit + 1)) {
    found.push({
      ...message,
      attempts: message.attempts + (inFlight.has(message.sequence) ? 1 : 0),
      state: state(message.sequence, message.due),
    });
  }
  for await (const message of heldMessages(queue, store, after, limit + 1)) {
    const isIn = inFlight.has(message.sequence);
    found.push({ ...message, attempts: message.attempts + (isIn ? 1 : 0), state: isIn ? "in-flight" : places.held(message) });
  }
  for await (const message of delayedMessages(queue, store, after, limit + 1)) found.push({ ...message, attempts: 0, state: "delayed" });
  let fromLog = 0;
  for await (const message of logMessages(queue, store, after)) {
    const isIn = inFlight.has(message.sequence);
    found.push({ ...message, attempts: isIn ? 1 : 0, state: isIn ? "in-flight" : places.log(message) });
    if (++fromLog > limit) break;
  }
  found.sort((a, b) => a.sequence - b.sequence);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return last !== undefined && found.length > limit ? { items, next: last.sequence } : { items };
}

export function leasedSequences(queue: Queue): Set<number> {
  const sequences = new Set<number>();
  for (const consumer of queue.consumers) {
    for (const lease of consumer.leases.values()) sequences.add(lease.sequence);
    for (const lease of consumer.irregular.values()) sequences.add(lease.sequence);
  }
  return sequences;
}

interface Found {
  readonly sequence: number;
  readonly publishedAt: number;
  readonly record: Uint8Array;
}

/** The due lists are not in order of sequence, so all of it is read, and the lowest `limit` are kept. */
async function* dueMessages(
  queue: Queue,
  store: Store,
  after: number,
  limit: number,
): AsyncGenerator<Found & { due: number; attempts: number }> {
  let lowest: (Found & { due: number; attempts: number })[] = [];
  for await (const { message, record } of storedDue(queue, store)) {
    if (message.sequence <= after) continue;
    const { sequence, publishedAt, due, attempts } = message;
    lowest.push({ sequence, publishedAt, due, attempts, record });
    if (lowest.length > 2 * limit) lowest = lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
  }
  yield* lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
}

/** As `dueMessages`, of what waits for its time before it goes into the log. */
async function* delayedMessages(queue: Queue, store: Store, after: number, limit: number): AsyncGenerator<Found> {
  if (queue.delays.count === 0) return;
  let lowest: Found[] = [];
  for await (const [key, value] of entriesOf(store, keys.delayedRange(queue.number))) {
    if (keys.delayedFirstOf(key) < queue.purgedBelow) continue;
    const block = Block.unpack(value);
    for (let index = Math.max(0, after + 1 - block.first); index < block.count; index++) {
      lowest.push({ sequence: block.first + index, publishedAt: block.publishedAt, record: block.record(index) });
    }
    if (lowest.length > 2 * limit) lowest = lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
  }
  yield* lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
}

/** As `dueMessages`, of what the chains of an ordered queue have in the store. */
async function* heldMessages(
  queue: Queue,
  store: Store,
  after: number,
  limit: number,
): AsyncGenerator<Found & { key: string } & HeldMessage> {
  if (queue.heldCount === 0) return;
  let lowest: (Found & { key: string } & HeldMessage)[] = [];
  for await (const [stored, value] of entriesOf(store, keys.heldRange(queue.number))) {
    const { key, rank } = keys.heldOf(stored);
    const { message, record } = unpackHeld(rank, value);
    if (message.sequence <= after) continue;
    lowest.push({ ...message, key, record });
    if (lowest.length > 2 * limit) lowest = lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
  }
  yield* lowest.sort((a, b) => a.sequence - b.sequence).slice(0, limit);
}

/** What a message that waits is said to do, where there is an order: one with an entry of its own, and one of the log. */
interface Places {
  held(message: HeldMessage & { key: string }): Peeked["state"];
  log(message: Found): Peeked["state"];
}

function placesIn(queue: Queue, order: OrderLook | undefined, now: number): Places {
  const { chains } = queue;
  if (order === undefined || chains === undefined) return { held: () => "ready", log: () => "ready" };
  if (chains.fifo) {
    const waiter = order.waiter(now);
    const stateOf = ({ sequence }: { readonly sequence: number }): Peeked["state"] => {
      if (waiter === undefined || sequence < waiter.sequence) return "ready";
      return sequence === waiter.sequence ? waiter.state : "parked";
    };
    return { held: stateOf, log: stateOf };
  }
  const parked = order.parked();
  return {
    held: (message) => heldState(queue, message, now),
    log: ({ sequence, record }) => (parked.has(sequence) || chains.isParked(record, sequence) ? "parked" : "ready"),
  };
}

function heldState(queue: Queue, { key, sequence, due }: HeldMessage & { key: string }, now: number): Peeked["state"] {
  const head = queue.chains?.find(key)?.head;
  if (head === undefined || head.block !== undefined || head.sequence !== sequence) return "parked";
  if (due === BLOCKED) return "blocked";
  return due > now ? "delayed" : "ready";
}

async function* logMessages(queue: Queue, store: Store, after: number): AsyncGenerator<Found> {
  const start = await blockWith(queue, store, after + 1);
  for await (const [, value] of entriesOf(store, {
    from: keys.blockKey(queue.number, start),
    to: keys.blockKey(queue.number, keys.POSITIONS_END),
  })) {
    const block = Block.unpack(value);
    const live = queue.blocks.get(block.first);
    const bitmap = live === undefined ? store.get(keys.settledKey(queue.number, block.first)) : undefined;
    if (bitmap !== undefined) block.restoreBitmap(bitmap);
    for (let index = 0; index < block.count; index++) {
      const sequence = block.first + index;
      if (sequence <= after || block.isSettled(index) || live?.isSettled(index) === true) continue;
      yield { sequence, publishedAt: block.publishedAt, record: value.subarray(block.start(index), block.stop(index)) };
    }
  }
}

/** The first sequence of the block that holds `sequence`, or of the next one. */
export async function blockWith(queue: Queue, store: Store, sequence: number): Promise<number> {
  const [before] = await store.read({
    from: keys.blockKey(queue.number, 0),
    to: keys.blockKey(queue.number, sequence + 1),
    entriesMax: 1,
    bytesMax: 1,
    reverse: true,
  });
  return before === undefined ? sequence : keys.positionOf(before[0]);
}
