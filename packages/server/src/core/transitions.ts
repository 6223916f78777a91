import { HoldfastError } from "holdfast-client/protocol";
import { store } from "./append.js";
import type { Block } from "./block.js";
import type { Catalog } from "./catalog.js";
import type { CommitBuilder } from "./commit.js";
import { type DueMessage, packDue, unpackDue } from "./due-list.js";
import { type DeadReason, withHistory } from "./history.js";
import * as keys from "./keys.js";
import type { Lease } from "./lease.js";
import type { Queue } from "./queue.js";
import { afterFailure } from "./retry.js";
import type { Settling } from "./settle.js";
import type { Wakes } from "./wakes.js";
import type { Windows } from "./window.js";

/** What the core asks of the world besides the writes it returns: to read one stored value at once, and chance. */
export interface CoreContext {
  get(key: Uint8Array): Uint8Array | undefined;
  /** From 0 (included) to 1 (not). */
  random(): number;
}

/** What ends a delivery and where the message goes then: out, to the due list, or to the dead-letter queue. */
export class Transitions implements Settling {
  readonly #catalog: Catalog;
  readonly #commit: CommitBuilder;
  readonly #windows: Windows;
  readonly #wakes: Wakes;
  readonly #context: CoreContext;
  #lastRead: { readonly block: Block; readonly bytes: Uint8Array } | undefined;

  constructor(catalog: Catalog, commit: CommitBuilder, windows: Windows, wakes: Wakes, context: CoreContext) {
    this.#catalog = catalog;
    this.#commit = commit;
    this.#windows = windows;
    this.#wakes = wakes;
    this.#context = context;
  }

  /** The message is done: it leaves the queue. */
  finish(lease: Lease): void {
    const { queue } = lease.consumer;
    this.#leave(queue, lease);
    queue.counts.acked++;
    queue.live--;
    queue.bytes -= lease.size;
  }

  /** The delivery failed: the message comes again when `delayMs` or the backoff is over, or is dead. */
  fail(lease: Lease, now: number, delayMs: number | undefined, reason: string | undefined): void {
    const { queue } = lease.consumer;
    const next = afterFailure(lease.attempt, queue.options, now, delayMs, this.#context.random);
    if (next.to === "dead") this.bury(lease, "attempts", reason ?? this.#lastReason(lease), now);
    else this.#moveToDue(queue, lease, next.at, lease.attempt, reason ?? this.#lastReason(lease));
  }

  /** The delivery ended without a fault of the message: it comes again at once. */
  giveBack(lease: Lease, counted: boolean, now: number): void {
    const { queue } = lease.consumer;
    const { maxAttempts } = queue.options;
    if (counted && maxAttempts > 0 && lease.attempt >= maxAttempts) this.bury(lease, "attempts", this.#lastReason(lease), now);
    else this.#moveToDue(queue, lease, now, counted ? lease.attempt : lease.attempt - 1, this.#lastReason(lease));
  }

  /** Moves the message to the dead-letter queue, or discards it when there is none: one commit does both (promise D1). */
  bury(lease: Lease, reason: DeadReason, error: string | undefined, now: number): void {
    const { queue } = lease.consumer;
    const record = this.#recordOf(queue, lease);
    this.#leave(queue, lease);
    this.#died(queue, record, { reason, error, attempts: lease.attempt, sequence: lease.sequence, publishedAt: lease.publishedAt }, now);
  }

  extend(lease: Lease, until: number): void {
    const { consumer } = lease;
    consumer.leases.delete(lease.lease);
    lease.leaseUntil = until;
    consumer.irregular.set(lease.lease, lease);
    this.#wakes.forConsumer(consumer, until);
  }

  #lastReason(lease: Lease): string | undefined {
    return lease.place.due?.reason;
  }

  /** Takes the message out of the place where it lies. */
  #leave(queue: Queue, lease: Lease): void {
    queue.inFlight--;
    const { block, due } = lease.place;
    if (block === undefined) this.removeDue(queue, due);
    else this.#windows.settle(queue, block, lease.place.index);
  }

  removeDue(queue: Queue, message: DueMessage): void {
    queue.dueCount--;
    queue.drainedBytes += message.size;
    this.#commit.write(keys.dueKey(queue.number, message.due, message.order), undefined);
  }

  #moveToDue(queue: Queue, lease: Lease, at: number, attempts: number, reason: string | undefined): void {
    const record = this.#recordOf(queue, lease);
    this.#leave(queue, lease);
    this.#addDue(queue, record, { due: at, sequence: lease.sequence, attempts, publishedAt: lease.publishedAt, reason });
  }

  #addDue(queue: Queue, record: Uint8Array, fields: Omit<DueMessage, "order" | "size">): void {
    const due = Math.max(fields.due, queue.dueMark.due);
    const message: DueMessage = { ...fields, due, order: queue.nextOrder++, size: record.length };
    queue.dueCount++;
    this.#commit.write(keys.dueKey(queue.number, due, message.order), packDue(message, record));
    this.#commit.showDue(queue, message);
    this.#commit.touch(queue);
  }

  #died(
    queue: Queue,
    record: Uint8Array,
    death: { reason: DeadReason; error: string | undefined; attempts: number; sequence: number; publishedAt: number },
    now: number,
  ): void {
    queue.live--;
    queue.bytes -= record.length;
    queue.counts.dead++;
    const { deadLetter } = queue.options;
    if (deadLetter === false) return;
    const address = { namespace: queue.namespace, queue: deadLetter };
    const target = this.#catalog.find(address) ?? this.#catalog.define(address, {});
    store(target, withHistory(record, { namespace: queue.namespace, queue: queue.name, ...death, deadAt: now }), 1, now);
    this.#commit.touch(target);
  }

  failedBefore(queue: Queue, record: Uint8Array, fields: Omit<DueMessage, "order" | "size">, now: number): void {
    const { maxAttempts } = queue.options;
    if (maxAttempts === 0 || fields.attempts < maxAttempts) {
      this.#addDue(queue, record, fields);
      return;
    }
    const { attempts, sequence, publishedAt, reason } = fields;
    this.#commit.touch(queue);
    this.#died(queue, record, { reason: "attempts", error: reason, attempts, sequence, publishedAt }, now);
  }

  /** A message's record, from memory or from the store when its bytes were let go. */
  #recordOf(queue: Queue, lease: Lease): Uint8Array {
    const { block, due } = lease.place;
    if (block === undefined) return lease.held ?? this.storedDue(queue, due);
    const bytes = lease.held ?? block.bytes ?? this.#storedBlock(queue, block);
    return bytes.subarray(lease.start, lease.end);
  }

  /** Many messages of one block may need it one after the other, so the last one read is kept. */
  #storedBlock(queue: Queue, block: Block): Uint8Array {
    const known = this.#lastRead;
    if (known?.block === block) return known.bytes;
    const bytes = this.#stored(keys.blockKey(queue.number, block.first));
    this.#lastRead = { block, bytes };
    return bytes;
  }

  storedDue(queue: Queue, message: DueMessage): Uint8Array {
    return unpackDue(message.due, message.order, this.#stored(keys.dueKey(queue.number, message.due, message.order))).record;
  }

  #stored(key: Uint8Array): Uint8Array {
    const value = this.#context.get(key);
    if (value === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `stored value ${Buffer.from(key).toString("hex")} is missing`);
    return value;
  }
}
