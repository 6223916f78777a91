import type { Consumer } from "./consumer.js";
import type { DueEntries } from "./due-entries.js";
import type { DueList } from "./due-list.js";
import type { Expiry } from "./expiry.js";
import { Lease, type Place } from "./lease.js";
import type { Allowance, Call, LeaseNumbers } from "./lease-call.js";
import type { Recovery } from "./recovery.js";
import { isSpent } from "./retry.js";
import type { Transitions } from "./transitions.js";
import type { Windows } from "./window.js";

/** Leases from a queue without an order: from the due lists of its levels and, as part of the lowest, from its log. */
export class LevelLeasing {
  readonly #numbers: LeaseNumbers;
  readonly #recovery: Recovery;
  readonly #windows: Windows;
  readonly #expiry: Expiry;
  readonly #transitions: Transitions;
  readonly #entries: DueEntries;

  constructor(numbers: LeaseNumbers, recovery: Recovery, windows: Windows, expiry: Expiry, transitions: Transitions, entries: DueEntries) {
    this.#numbers = numbers;
    this.#recovery = recovery;
    this.#windows = windows;
    this.#expiry = expiry;
    this.#transitions = transitions;
    this.#entries = entries;
  }

  /** While a level above the lowest has something, message by message, each of the level whose turn it is; then the lowest alone. */
  lease(consumer: Consumer, leases: Lease[], allowance: Allowance, until: number, now: number): Call {
    const { queue } = consumer;
    const { levels } = queue;
    let wait = false;
    // A block that came to memory for an overflow was not looked through.
    this.#recovery.recoverLog(queue, now);
    // What is being read from the store would be overtaken.
    if (levels.needsRaised || (queue.dueCount > 0 && levels.lowest.failed.needsLoading)) return { wait, cut: false, more: false };
    while (levels.raised.length > 0 && leases.length < allowance.count) {
      const level = levels.choose(now, levels.lowest.ready(now) !== undefined || this.#windows.front(queue) !== undefined);
      if (level === undefined) break;
      const before = leases.length;
      const one: Allowance = { count: before + 1, bytes: allowance.bytes };
      let cut = this.#leaseDue(consumer, level.ready(now) ?? level.failed, leases, one, until, now);
      if (leases.length > before) wait = true;
      else if (level === levels.lowest) cut = this.#leaseLog(consumer, leases, one, until, now) || cut;
      if (leases.length === before) {
        if (cut || levels.needsRaised) return { wait, cut: true, more: leases.length > 0 };
        // All that it had died, and others may have something.
        continue;
      }
      allowance.bytes = one.bytes;
      levels.tookTurn();
    }
    const before = leases.length;
    this.#leaseDue(consumer, levels.lowest.failed, leases, allowance, until, now);
    if (leases.length > before) wait = true;
    const cut = this.#leaseLog(consumer, leases, allowance, until, now);
    return { wait, cut, more: cut && leases.length > 0 };
  }

  /** Returns whether it ended for the bytes' sake. */
  #leaseDue(consumer: Consumer, list: DueList, leases: Lease[], allowance: Allowance, until: number, now: number): boolean {
    const { queue } = consumer;
    if (list.needsLoading) return false;
    for (let message = list.next(now); message !== undefined && leases.length < allowance.count; message = list.next(now)) {
      const { sequence, attempts, publishedAt } = message;
      const over = message.expireAt <= now;
      const dies = over || isSpent(queue.options, attempts);
      if (!dies && leases.length > 0 && message.size > allowance.bytes) return true;
      list.take();
      const record = this.#transitions.storedDue(queue, message);
      if (dies) {
        this.#entries.remove(queue, message);
        if (over) this.#transitions.expire(queue, record, message, now);
        else this.#transitions.endSpent(queue, record, message, now);
        continue;
      }
      const lease = new Lease(this.#numbers.next++, consumer, sequence, attempts + 1, publishedAt, until, { due: message }, record);
      leases.push(lease);
      allowance.bytes -= message.size;
    }
    return false;
  }

  /** Returns whether it ended for the bytes' sake, so that the consumer will ask for more at once. */
  #leaseLog(consumer: Consumer, leases: Lease[], allowance: Allowance, until: number, now: number): boolean {
    const { queue } = consumer;
    while (leases.length < allowance.count) {
      const block = queue.window[0];
      if (block === undefined) return false;
      const index = queue.cursor - block.first;
      if (!block.isSettled(index) && this.#expiry.isOverIn(queue, block, index, now)) this.#expiry.endIn(queue, block, index, now);
      else if (!block.isSettled(index)) {
        const place: Place = { block, index };
        const lease = new Lease(this.#numbers.next, consumer, queue.cursor, 1, block.publishedAt, until, place, block);
        if (leases.length > 0 && lease.size > allowance.bytes) return true;
        this.#numbers.next++;
        leases.push(lease);
        allowance.bytes -= lease.size;
      }
      this.#windows.advance(queue, block);
    }
    return false;
  }
}
