import { type DeadReason, HoldfastError } from "holdfast-client/protocol";
import { Block } from "./block.js";
import type { Catalog } from "./catalog.js";
import type { Chain } from "./chain.js";
import type { CommitBuilder } from "./commit.js";
import { diedAnswer } from "./died-answer.js";
import type { DueEntries } from "./due-entries.js";
import { type DueFields, type DueMessage, unpackDue } from "./due-list.js";
import { BLOCKED, type HeldFields, type HeldMessage, unpackHeld } from "./held-message.js";
import { type Death, withHistory } from "./history.js";
import type { Holding } from "./holding.js";
import * as keys from "./keys.js";
import type { Lease } from "./lease.js";
import { store } from "./log.js";
import { failedListOf, priorityOf } from "./priority-level.js";
import type { Queue } from "./queue.js";
import { isBefore } from "./rank.js";
import { afterFailure, isSpent } from "./retry.js";
import type { Settling } from "./settle.js";
import { expireAtOf, NEVER } from "./timing.js";
import type { Wakes } from "./wakes.js";
import type { Windows } from "./window.js";

/** What the core asks of the world besides the writes it returns: to read one stored value at once, and chance. */
export interface CoreContext {
  get(key: Uint8Array): Uint8Array | undefined;
  /** From 0 (included) to 1 (not). */
  random(): number;
}

/** What is said of a message that dies. */
type Gone = Pick<DueMessage, "sequence" | "attempts" | "publishedAt" | "reason">;

/** What ends a delivery and where the message goes then: out, to a due list, or to the dead-letter queue. */
export class Transitions implements Settling {
  readonly #catalog: Catalog;
  readonly #commit: CommitBuilder;
  readonly #windows: Windows;
  readonly #wakes: Wakes;
  readonly #context: CoreContext;
  readonly #holding: Holding;
  readonly #entries: DueEntries;
  /** Leases that ended because one before them in their chain did; for the core to tell. */
  readonly revoked: Lease[] = [];
  #lastRead: { readonly block: Block; readonly stored: Block } | undefined;

  constructor(
    catalog: Catalog,
    commit: CommitBuilder,
    windows: Windows,
    wakes: Wakes,
    holding: Holding,
    entries: DueEntries,
    context: CoreContext,
  ) {
    this.#catalog = catalog;
    this.#commit = commit;
    this.#windows = windows;
    this.#wakes = wakes;
    this.#holding = holding;
    this.#entries = entries;
    this.#context = context;
  }

  /** The message is done: it leaves the queue. */
  finish(lease: Lease, as: "acked" | "purged" = "acked"): void {
    const { queue } = lease.consumer;
    this.#leaveForGood(queue, lease);
    queue.counts[as]++;
    queue.live--;
    queue.bytes -= lease.size;
  }

  /** The delivery failed: the message comes again when `delayMs` or the backoff is over, or is dead. */
  fail(lease: Lease, now: number, delayMs: number | undefined, reason: string | undefined): void {
    const { queue } = lease.consumer;
    const next = afterFailure(lease.attempt, queue.options, now, delayMs, this.#context.random);
    const why = reason ?? lastReason(lease);
    if (next.to === "dead") this.#exhaust(lease, why, now);
    else this.#giveAgain(queue, lease, next.at, lease.attempt, why, now);
  }

  /** The delivery ended without a fault of the message: it comes again at once. */
  giveBack(lease: Lease, counted: boolean, now: number): void {
    const { queue } = lease.consumer;
    if (counted && isSpent(queue.options, lease.attempt)) this.#exhaust(lease, lastReason(lease), now);
    else
      this.#giveAgain(
        queue,
        lease,
        lease.place.chain === undefined ? now : 0,
        counted ? lease.attempt : lease.attempt - 1,
        lastReason(lease),
        now,
      );
  }

  /** The message is out of attempts: what its queue's `poison` says. */
  #exhaust(lease: Lease, reason: string | undefined, now: number): void {
    const { queue } = lease.consumer;
    if (lease.place.chain === undefined || queue.options.poison === "dead-letter") this.bury(lease, "attempts", reason, now);
    else this.#giveAgain(queue, lease, BLOCKED, lease.attempt, reason, now);
  }

  #giveAgain(queue: Queue, lease: Lease, at: number, attempts: number, reason: string | undefined, now: number): void {
    if (this.#expireAtOf(queue, lease) <= now) {
      this.bury(lease, "expired", reason, now);
      return;
    }
    const { chain } = lease.place;
    if (chain === undefined) {
      this.#moveToDue(queue, lease, at, attempts, reason);
      return;
    }
    this.#holdAgain(queue, chain, lease, at, attempts, reason);
    // What was leased after it has to come after it again (promise O1). With a key there is nothing.
    for (const later of chain.leases) {
      if (!isBefore(lease, later) || later.consumer.take(later.lease) === undefined) continue;
      this.revoked.push(later);
      if (this.#expireAtOf(queue, later) <= now) this.bury(later, "expired", lastReason(later), now);
      else this.#holdAgain(queue, chain, later, 0, later.attempt - 1, lastReason(later));
    }
  }

  #expireAtOf(queue: Queue, lease: Lease): number {
    const { block, due, entry } = lease.place;
    if (block === undefined) return (due ?? entry).expireAt;
    return block.expires ? expireAtOf(this.#recordOf(queue, lease), 0, lease.publishedAt) : NEVER;
  }

  #holdAgain(queue: Queue, chain: Chain, lease: Lease, due: number, attempts: number, reason: string | undefined): void {
    const record = this.#recordOf(queue, lease);
    const { publishedAt } = lease;
    const { sequence } = lease;
    this.#leave(queue, lease);
    this.#holding.hold(queue, chain, record, { sequence, due, attempts, publishedAt, reason });
  }

  /** Moves the message to the dead-letter queue, or discards it when there is none: one commit does both (promise D1). */
  bury(lease: Lease, reason: DeadReason, error: string | undefined, now: number): void {
    const { queue } = lease.consumer;
    const record = this.#recordOf(queue, lease);
    this.#leaveForGood(queue, lease);
    this.#died(queue, record, { reason, error, attempts: lease.attempt, sequence: lease.sequence, publishedAt: lease.publishedAt }, now);
  }

  extend(lease: Lease, until: number): void {
    const { consumer } = lease;
    consumer.leases.delete(lease.lease);
    lease.leaseUntil = until;
    consumer.irregular.set(lease.lease, lease);
    this.#wakes.forConsumer(consumer, until);
  }

  /** Takes the message out of the place where it lies. */
  #leave(queue: Queue, lease: Lease): void {
    queue.inFlight--;
    queue.leftMeanwhile?.add(lease.sequence);
    const { block, due, chain, entry } = lease.place;
    if (block !== undefined) this.#windows.settle(queue, block, lease.place.index);
    else if (due !== undefined) this.#entries.remove(queue, due);
    else {
      this.#holding.unmarkLeased(queue, entry);
      this.#holding.remove(queue, chain, entry);
    }
    if (chain === undefined) return;
    chain.endLease(lease);
    if (queue.chains?.fifo === true) return;
    this.#holding.freeze(queue, chain);
  }

  /** Takes out a message that does not come again. */
  #leaveForGood(queue: Queue, lease: Lease): void {
    this.#leave(queue, lease);
    const { chain } = lease.place;
    if (chain === undefined) return;
    queue.chains?.review(chain, 0);
  }

  #moveToDue(queue: Queue, lease: Lease, at: number, attempts: number, reason: string | undefined): void {
    const record = this.#recordOf(queue, lease);
    this.#leave(queue, lease);
    queue.noteMove(lease.sequence);
    const list = failedListOf(priorityOf(lease.place.due?.list ?? 0));
    this.#entries.add(queue, record, { list, due: at, sequence: lease.sequence, attempts, publishedAt: lease.publishedAt, reason });
  }

  #died(queue: Queue, record: Uint8Array, death: Death, now: number): void {
    queue.live--;
    queue.bytes -= record.length;
    const { deadLetter } = queue.options;
    queue.counts[death.reason === "expired" && deadLetter === false ? "expired" : "dead"]++;
    this.#tellRequester(queue, record, death, now);
    if (deadLetter === false) return;
    const address = { namespace: queue.namespace, queue: deadLetter };
    const target = this.#catalog.find(address) ?? this.#catalog.define(address, {});
    const records = withHistory(record, queue.originText, death, now);
    store(target, { records, count: 1, expires: false }, now);
    this.#commit.touch(target);
  }

  /** A message that is not in flight any more, nor in its place, dies for one that came later. */
  pushOut(queue: Queue, record: Uint8Array, message: Gone, now: number): void {
    this.#end(queue, record, message, "overflow", now);
  }

  /** As `pushOut`, of a message that is too old to be delivered. */
  expire(queue: Queue, record: Uint8Array, message: Gone, now: number): void {
    this.#end(queue, record, message, "expired", now);
  }

  /** As `pushOut`, of a message that had all its attempts. */
  endSpent(queue: Queue, record: Uint8Array, message: Gone, now: number): void {
    this.#end(queue, record, message, "attempts", now);
  }

  #end(queue: Queue, record: Uint8Array, { sequence, attempts, publishedAt, reason: error }: Gone, reason: DeadReason, now: number): void {
    queue.leftMeanwhile?.add(sequence);
    this.#commit.touch(queue);
    this.#died(queue, record, { reason, error, attempts, sequence, publishedAt }, now);
  }

  /** The requester learns it with the same commit, if its reply queue is still there. */
  #tellRequester(
    queue: Queue,
    record: Uint8Array,
    death: { reason: DeadReason; error: string | undefined; sequence: number },
    now: number,
  ): void {
    const answer = diedAnswer(record, death);
    const target = answer && this.#catalog.find({ namespace: queue.namespace, queue: answer.replyTo });
    if (answer === undefined || target === undefined) return;
    store(target, { records: answer.record, count: 1, expires: false }, now);
    this.#commit.touch(target);
  }

  failedBefore(queue: Queue, record: Uint8Array, fields: DueFields, now: number): void {
    if (expireAtOf(record, 0, fields.publishedAt) <= now) this.expire(queue, record, fields, now);
    else if (isSpent(queue.options, fields.attempts)) this.endSpent(queue, record, fields, now);
    else this.#entries.add(queue, record, fields);
  }

  /**
   * As `failedBefore`, of an ordered queue: the message was in flight when the life before this one ended, and counts an
   * attempt for it. Its old place is the caller's to clear.
   */
  heldBefore(queue: Queue, chain: Chain, record: Uint8Array, message: HeldFields, now: number): void {
    const failed = { ...message, attempts: message.attempts + 1 };
    if (expireAtOf(record, 0, message.publishedAt) <= now) this.expire(queue, record, failed, now);
    else if (isSpent(queue.options, failed.attempts)) this.#exhaustHeld(queue, chain, record, failed, now);
    else this.#holding.hold(queue, chain, record, { ...failed, due: 0 });
  }

  #exhaustHeld(queue: Queue, chain: Chain, record: Uint8Array, message: HeldFields, now: number): void {
    if (queue.options.poison === "block") this.#holding.hold(queue, chain, record, { ...message, due: BLOCKED });
    else this.endSpent(queue, record, message, now);
  }

  /** The next message of a chain, which was taken from it, had all its attempts. */
  exhaustHead(queue: Queue, chain: Chain, head: HeldMessage, now: number): void {
    const record = this.takeOutHeld(queue, chain, head);
    this.#exhaustHeld(queue, chain, record, head, now);
    if (queue.chains?.fifo === false) this.#holding.freeze(queue, chain);
  }

  /** Lets a blocked head go: to the dead letters, or again with all its attempts. */
  unblock(queue: Queue, chain: Chain, message: HeldMessage, action: "skip" | "retry", now: number): void {
    const record = this.takeOutHeld(queue, chain, message);
    const { attempts, sequence, publishedAt, reason } = message;
    if (action === "retry" && message.expireAt > now) {
      this.#holding.hold(queue, chain, record, { ...message, attempts: 0, due: 0 });
      return;
    }
    this.#holding.freeze(queue, chain);
    const why = message.expireAt > now ? "skipped" : "expired";
    this.#died(queue, record, { reason: why, error: reason, attempts, sequence, publishedAt }, now);
  }

  /** A message's record, from memory or from the store when its bytes were let go. */
  #recordOf(queue: Queue, lease: Lease): Uint8Array {
    const { block, due, chain, entry } = lease.place;
    if (due !== undefined) return lease.held ?? this.storedDue(queue, due);
    if (block === undefined) return lease.held ?? this.storedHeld(queue, chain, entry);
    if (lease.held !== undefined) return lease.held.subarray(lease.start, lease.end);
    return this.recordIn(queue, block, lease.place.index);
  }

  /** Takes a held message, which nobody has, out of the store; returns its record. */
  takeOutHeld(queue: Queue, chain: Chain, message: HeldMessage): Uint8Array {
    const record = this.storedHeld(queue, chain, message);
    this.#holding.remove(queue, chain, message);
    return record;
  }

  /** Takes a message, which nobody has, out of a block that is durable; returns its record. */
  takeOutOfBlock(queue: Queue, block: Block, index: number): Uint8Array {
    const record = this.recordIn(queue, block, index);
    this.#windows.settle(queue, block, index);
    return record;
  }

  /** A record of a block, also when memory has let the bytes go. */
  recordIn(queue: Queue, block: Block, index: number): Uint8Array {
    return this.readable(queue, block).record(index);
  }

  /**
   * The block, or, when memory has let its bytes go, as the store has it: maybe from before it was last written anew.
   * Many messages of one block may need it one after the other, so the last one read is kept.
   */
  readable(queue: Queue, block: Block): Block {
    if (block.bytes !== undefined) return block;
    if (this.#lastRead?.block === block) return this.#lastRead.stored;
    const stored = Block.unpack(this.#stored(keys.blockKey(queue.number, block.first)));
    this.#lastRead = { block, stored };
    return stored;
  }

  storedHeld(queue: Queue, chain: Chain, message: HeldMessage): Uint8Array {
    return unpackHeld(message, this.#stored(keys.heldKey(queue.number, chain.key, message))).record;
  }

  storedDue(queue: Queue, message: DueMessage): Uint8Array {
    return unpackDue(message, this.#stored(keys.dueKey(queue.number, message))).record;
  }

  #stored(key: Uint8Array): Uint8Array {
    const value = this.#context.get(key);
    if (value === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `stored value ${Buffer.from(key).toString("hex")} is missing`);
    return value;
  }
}

const lastReason = ({ place }: Lease): string | undefined => (place.due ?? place.entry)?.reason;
