import { NumberedMap } from "../numbered-map.js";
import type { Lease } from "./lease.js";
import type { Queue } from "./queue.js";
import type { Wake } from "./time-heap.js";
import type { Wanted } from "./wakes.js";

/** Leases that ended without their consumer's doing. */
export interface EndedLeases {
  readonly consumer: Consumer;
  readonly leases: readonly number[];
}

/** An attachment to a queue with the leases it holds. */
export class Consumer {
  readonly number: number;
  readonly queue: Queue;
  readonly maxInFlight: number;
  /** By lease number, in the order of leasing. */
  readonly leases = new NumberedMap<Lease>();
  /** Leases whose end is not in that order: extended ones, and those taken after `leaseMs` was lowered. */
  readonly irregular = new NumberedMap<Lease>();
  /** When the core looks at it next; not while it holds nothing. */
  wake: Wake<Wanted> | undefined;
  /** The latest end of a lease it was given. */
  latestUntil = 0;
  /** How many messages it will take as soon as there are more: see `Leasing.lease`. */
  ahead = 0;
  /** Leases that ran out since its last settlement. */
  expiredInARow = 0;

  constructor(number: number, queue: Queue, maxInFlight: number) {
    this.number = number;
    this.queue = queue;
    this.maxInFlight = maxInFlight;
  }

  get capacity(): number {
    if (this.queue.chains?.fifo && this.queue.holder !== this) return 0;
    return Math.max(0, this.maxInFlight - this.inFlight);
  }

  get inFlight(): number {
    return this.leases.size + this.irregular.size;
  }

  has(number: number): boolean {
    return this.leases.has(number) || this.irregular.has(number);
  }

  /** Takes the lease of that number away from it; undefined when it does not hold it. */
  take(number: number): Lease | undefined {
    const lease = this.leases.get(number);
    if (lease !== undefined) {
      this.leases.delete(number);
      return lease;
    }
    const irregular = this.irregular.get(number);
    if (irregular !== undefined) this.irregular.delete(number);
    return irregular;
  }

  /** The leases that ended by `now`, in the order in which they were given. */
  expired(now: number): Lease[] {
    const expired: Lease[] = [];
    for (const lease of this.leases.values()) {
      if (lease.leaseUntil > now) break;
      expired.push(lease);
    }
    const regular = expired.length;
    for (const lease of this.irregular.values()) if (lease.leaseUntil <= now) expired.push(lease);
    return expired.length === regular ? expired : expired.sort((a, b) => a.lease - b.lease);
  }

  /** When its next lease ends; Infinity when it holds none. */
  get nextExpiry(): number {
    let next = this.leases.first?.leaseUntil ?? Number.POSITIVE_INFINITY;
    if (this.irregular.size === 0) return next;
    for (const lease of this.irregular.values()) next = Math.min(next, lease.leaseUntil);
    return next;
  }
}
