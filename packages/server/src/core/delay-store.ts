import { BLOCK_BYTES_MAX } from "./block.js";
import { Horizon } from "./horizon.js";
import type { NewRecords } from "./log.js";

/** Messages with one due time that came in one commit, one after the other: one entry of the store. */
export interface PendingDelay {
  readonly first: number;
  count: number;
  bytes: number;
  readonly records: Uint8Array[];
  readonly publishedAt: number;
  readonly due: number;
  /** They were published with a delay. */
  readonly delayed: boolean;
  /** Some of them may expire. */
  expires: boolean;
  /** Some of them have a priority. */
  raised: boolean;
}

/**
 * The delayed messages of a queue: in the store by due time. Memory has their number and the nearest time, so millions
 * of them cost no more than one.
 */
export class DelayStore {
  /** Messages there, also those of the commit that is being filled. */
  count = 0;
  /** Bytes of their records. */
  bytes = 0;
  /**
   * A message without a delay stands behind all that is due then or before. Those have their places, also in a life whose
   * clock is behind; none of them is early there, for the clock of the life that stored that message showed its time.
   */
  placedThrough = 0;
  readonly horizon = new Horizon();
  /** What is due stays here until then, unless consumers take what has its place already; 0 while it need not. */
  restsUntil = 0;
  /** Bytes that the commit that is being filled moves to the log, and the one that is being written. */
  #movedFilling = 0;
  #movedWriting = 0;
  #pending: PendingDelay[] = [];
  /** The earliest due time in the commit that is being filled, and in the one that is being written. */
  #filling = Number.POSITIVE_INFINITY;
  #writing = Number.POSITIVE_INFINITY;

  /** Takes records published now, with sequences from `first` on. Called for each message, so it makes no object for it. */
  add({ records, count, expires, raised = false }: NewRecords, first: number, now: number, dueAt: number): void {
    // A clock that was set back between two lives must not lead to a place that was looked at already.
    const due = Math.max(dueAt, this.horizon.at);
    const delayed = dueAt > now;
    if (!delayed && due > this.placedThrough) this.placedThrough = due;
    this.count += count;
    this.bytes += records.length;
    if (due < this.#filling) this.#filling = due;
    const last = this.#pending.at(-1);
    const continues = last !== undefined && last.first + last.count === first && last.bytes < BLOCK_BYTES_MAX;
    if (continues && last.due === due && last.publishedAt === now && last.delayed === delayed) {
      last.records.push(records);
      last.count += count;
      last.bytes += records.length;
      last.expires ||= expires;
      last.raised ||= raised;
      return;
    }
    this.#pending.push({ first, count, bytes: records.length, records: [records], publishedAt: now, due, delayed, expires, raised });
  }

  /** Some of them take their place. */
  move(count: number, bytes: number): void {
    this.count -= count;
    this.bytes -= bytes;
    this.#movedFilling += bytes;
  }

  /** Bytes on the way to the log. */
  get movingBytes(): number {
    return this.#movedFilling + this.#movedWriting;
  }

  /** When to look at them next. */
  get nextLook(): number {
    return Math.max(this.horizon.next, this.restsUntil);
  }

  /** When the first one is due that the last read may not have seen: what comes later has to wait for it. */
  get unread(): number {
    return Math.min(this.horizon.unread, this.#filling, this.#writing);
  }

  /** Whether something is due that has not taken its place yet. */
  isDue(now: number): boolean {
    return Math.min(this.horizon.next, this.#filling, this.#writing) <= now;
  }

  /** What the commit that is being filled adds. It is sealed now. */
  seal(): readonly PendingDelay[] {
    const pending = this.#pending;
    if (pending.length > 0) this.#pending = [];
    this.#writing = this.#filling;
    this.#filling = Number.POSITIVE_INFINITY;
    this.#movedWriting = this.#movedFilling;
    this.#movedFilling = 0;
    return pending;
  }

  /** What the sealed commit added is durable; returns when the next look is due. */
  committed(): number {
    if (this.#writing !== Number.POSITIVE_INFINITY) this.horizon.note(this.#writing);
    this.#writing = Number.POSITIVE_INFINITY;
    this.#movedWriting = 0;
    return this.nextLook;
  }

  /** All of them are gone. */
  empty(): void {
    this.count = 0;
    this.bytes = 0;
    this.restsUntil = 0;
    this.#pending = [];
    this.#filling = Number.POSITIVE_INFINITY;
    this.horizon.next = Number.POSITIVE_INFINITY;
  }
}
