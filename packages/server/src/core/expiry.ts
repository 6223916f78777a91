import type { Entry } from "../store.js";
import { isThere, leasesBySequence } from "./administration.js";
import { attemptsBefore } from "./attempts-before.js";
import type { Block } from "./block.js";
import { blockOf } from "./block-of.js";
import type { Catalog } from "./catalog.js";
import type { Chain, ChainHead } from "./chain.js";
import type { DueEntries } from "./due-entries.js";
import { unpackDue } from "./due-list.js";
import { BLOCKED, unpackHeld } from "./held-message.js";
import type { Holding } from "./holding.js";
import * as keys from "./keys.js";
import type { Lease } from "./lease.js";
import type { Queue } from "./queue.js";
import { expireAtOf } from "./timing.js";
import type { CoreContext, Transitions } from "./transitions.js";

/** Bytes of blocks that one commit looks through, or little more. */
const LOOKED_BYTES_MAX = 1_048_576;

/** One look at the index. */
interface Look {
  readonly queue: Queue;
  readonly now: number;
  readonly leased: ReadonlyMap<number, Lease>;
  /** Order numbers of the due list's messages that expired. */
  readonly orders: Set<number>;
}

/**
 * Lets messages die that are too old to be delivered (promise T2): one that would be leased now, and, by an index of
 * times, those that nobody asks for.
 *
 * The index has an entry for each second in which something expires of a block, and one for each message with a store
 * entry of its own; it goes with what it is about. What is in flight when its time comes is looked at when it comes back.
 */
export class Expiry {
  readonly #catalog: Catalog;
  readonly #transitions: Transitions;
  readonly #holding: Holding;
  readonly #entries: DueEntries;
  readonly #context: CoreContext;

  constructor(catalog: Catalog, transitions: Transitions, holding: Holding, entries: DueEntries, context: CoreContext) {
    this.#catalog = catalog;
    this.#transitions = transitions;
    this.#holding = holding;
    this.#entries = entries;
    this.#context = context;
  }

  /** Whether the next message of a chain is too old. */
  isOver(queue: Queue, head: ChainHead, now: number): boolean {
    return head.block === undefined ? head.expireAt <= now : this.isOverIn(queue, head.block, head.index, now);
  }

  isOverIn(queue: Queue, block: Block, index: number, now: number): boolean {
    return block.expires && this.#expireAt(queue, block, index) <= now;
  }

  #expireAt(queue: Queue, block: Block, index: number): number {
    return expireAtOf(this.#transitions.recordIn(queue, block, index), 0, block.publishedAt);
  }

  /** Lets a message of a block die that nobody holds. */
  endIn(queue: Queue, block: Block, index: number, now: number): void {
    const sequence = block.first + index;
    const message = { sequence, attempts: attemptsBefore(queue, block, index), publishedAt: block.publishedAt, reason: undefined };
    this.#transitions.expire(queue, this.#transitions.takeOutOfBlock(queue, block, index), message, now);
  }

  /** Lets the next message of a chain die, which was taken from it. */
  endHead(queue: Queue, chain: Chain, head: ChainHead, now: number): void {
    if (head.block !== undefined) this.endIn(queue, head.block, head.index, now);
    else this.#transitions.expire(queue, this.#transitions.takeOutHeld(queue, chain, head), head, now);
    if (queue.chains?.fifo === false) this.#holding.freeze(queue, chain);
  }

  /**
   * Takes the entries of the index read after `queue.expiry`, and lets die what they are about. Since before that read
   * `queue.leftMeanwhile` notes what leaves, no other read of the queue is under way, and all that was done before
   * `now` is durable.
   */
  look(queue: Queue, entries: readonly Entry[], now: number): void {
    const { expiry } = queue;
    if (!this.#catalog.has(queue)) {
      expiry.end(Number.POSITIVE_INFINITY);
      return;
    }
    let next = entries.length === 0 ? Number.POSITIVE_INFINITY : now;
    const look: Look = { queue, now, leased: leasesBySequence(queue), orders: new Set() };
    let bytes = 0;
    for (const [key, value] of entries) {
      const { at } = keys.expiryOf(key);
      if (at > now) {
        next = at;
        break;
      }
      if (bytes >= LOOKED_BYTES_MAX) break;
      bytes += this.#lookAt(look, key, value);
      expiry.pass(key, at);
    }
    if (look.orders.size > 0) queue.levels.forget(look.orders);
    expiry.end(next);
  }

  /** Returns how many bytes it looked through. */
  #lookAt(look: Look, key: Uint8Array, place: Uint8Array): number {
    const { kind, sequence } = keys.expiryOf(key);
    if (kind === keys.EXPIRES_IN.block) return this.#lookAtBlock(look, sequence);
    if (!isThere(look.queue, sequence) || look.leased.has(sequence)) return 0;
    return kind === keys.EXPIRES_IN.due ? this.#lookAtDue(look, place) : this.#lookAtHeld(look, sequence, place);
  }

  #lookAtBlock({ queue, now, leased }: Look, first: number): number {
    if (first < queue.purgedBelow) return 0;
    const block = blockOf(queue, first, this.#context);
    if (block === undefined) return 0;
    queue.holed = true;
    for (let index = 0; index < block.count; index++) {
      const sequence = first + index;
      if (block.isSettled(index) || !isThere(queue, sequence) || leased.has(sequence)) continue;
      if (this.#expireAt(queue, block, index) > now) continue;
      const chain = sequence < queue.cursor ? this.#unpark(queue, block, index) : undefined;
      this.endIn(queue, block, index, now);
      if (chain !== undefined) this.#holding.freeze(queue, chain);
    }
    return block.size;
  }

  #unpark(queue: Queue, block: Block, index: number): Chain | undefined {
    const { chains } = queue;
    const record = this.#transitions.recordIn(queue, block, index);
    const chain = chains?.find(chains.keyOf(record, 0, record.length));
    if (chain !== undefined) chains?.unpark(chain, block.first + index);
    return chain;
  }

  #lookAtDue({ queue, now, orders }: Look, place: Uint8Array): number {
    const stored = this.#context.get(place);
    if (stored === undefined) return 0;
    const { message, record } = unpackDue(keys.duePlaceOf(place), stored);
    orders.add(message.order);
    this.#entries.remove(queue, message);
    this.#transitions.expire(queue, record, message, now);
    return stored.length;
  }

  #lookAtHeld({ queue, now }: Look, sequence: number, place: Uint8Array): number {
    const { chains } = queue;
    if (chains === undefined) return 0;
    const chain = chains.of(Buffer.from(place).toString("utf8"));
    const stored = this.#context.get(keys.heldKey(queue.number, chain.key, { sequence }));
    if (stored === undefined) {
      chains.review(chain, now);
      return 0;
    }
    const { message, record } = unpackHeld({ sequence }, stored);
    // It holds its key until somebody lets it go (promise O3), and expires then.
    if (message.due === BLOCKED) return stored.length;
    chain.unhold(sequence);
    this.#holding.remove(queue, chain, message);
    this.#transitions.expire(queue, record, message, now);
    this.#holding.freeze(queue, chain);
    return stored.length;
  }
}
