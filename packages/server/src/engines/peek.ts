import { RecordView } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import { Block } from "../core/block.js";
import { BLOCKED, type HeldMessage, unpackHeld } from "../core/held-message.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import { delayOf } from "../core/timing.js";
import type { Page, Peeked } from "../engine.js";
import type { Store } from "../store.js";
import { storedDue } from "./due-store.js";
import { OrderLook } from "./order-look.js";
import { entriesOf } from "./pages.js";

/**
 * Looks at the stored messages with a sequence above `after`, in order, from the log and the due lists, once what was done up to now
 * is durable: of a settlement under way neither memory nor the store has the message where it belongs.
 *
 * Messages may move meanwhile: from where they wait for their time to the log, and from there to where those are that were handed out.
 * It is read in that direction, so that none is passed over; of one that is found twice the later place counts.
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
  const after = Math.max(from, queue.purgedBelow - 1);
  const delayed: Found[] = [];
  for await (const message of delayedMessages(queue, store, after, limit + 1)) delayed.push(message);
  const inLog = new Map<number, Found>();
  for await (const message of logMessages(queue, store, after)) {
    inLog.set(message.sequence, message);
    if (inLog.size > limit) break;
  }
  // What memory does not have in the log any more the store has elsewhere only with the next commit.
  await caughtUp();
  const due: FoundDue[] = [];
  for await (const message of dueMessages(queue, store, after, limit + 1)) due.push(message);
  const held: FoundHeld[] = [];
  for await (const message of heldMessages(queue, store, after, limit + 1)) held.push(message);
  const order = await OrderLook.read(queue, store, caughtUp);
  const now = clock.now();
  const places = placesIn(queue, order, now);
  const found = new Map<number, Omit<Peeked, "attempts"> & { readonly failed: number }>();
  for (const message of inLog.values()) found.set(message.sequence, { ...message, failed: 0, state: places.log(message) });
  for (const message of due) {
    found.set(message.sequence, { ...message, failed: message.attempts, state: message.due > now ? "delayed" : "ready" });
  }
  for (const message of held) found.set(message.sequence, { ...message, failed: message.attempts, state: places.held(message) });
  const placed = new Set(delayed.length > 0 ? Array.from(found.values(), originOf) : []);
  for (const message of delayed) {
    if (!placed.has(originOf(message))) found.set(message.sequence, { ...message, failed: 0, state: "delayed" });
  }
  const inFlight = leasedSequences(queue);
  const items = [...found.values()]
    .sort((a, b) => a.sequence - b.sequence)
    .slice(0, limit)
    .map(({ sequence, publishedAt, record, failed, state }): Peeked => {
      const isIn = inFlight.has(sequence);
      return { sequence, publishedAt, record, attempts: failed + (isIn ? 1 : 0), state: isIn ? "in-flight" : state };
    });
  const last = items.at(-1);
  return last !== undefined && found.size > limit ? { items, next: last.sequence } : { items };
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

type FoundDue = Found & { readonly due: number; readonly attempts: number };
type FoundHeld = Found & HeldMessage & { readonly key: string };

/** Tells a delayed message, which has another sequence once it took its place, from others. */
const originOf = ({ publishedAt, record }: Found): string =>
  `${publishedAt} ${delayOf(record, 0)} ${new RecordView(record, 0, record.length).id}`;

/** The due lists are not in order of sequence, so all of it is read, and the lowest `limit` are kept. */
async function* dueMessages(queue: Queue, store: Store, after: number, limit: number): AsyncGenerator<FoundDue> {
  let lowest: FoundDue[] = [];
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
async function* heldMessages(queue: Queue, store: Store, after: number, limit: number): AsyncGenerator<FoundHeld> {
  if (queue.heldCount === 0) return;
  let lowest: FoundHeld[] = [];
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
