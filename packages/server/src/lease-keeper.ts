import type { Clock } from "./clock.js";
import { NumberedMap } from "./numbered-map.js";

/** A lease is prolonged once so much of it is over, and looked at when a third of it is: a look that is a little early finds it, too. */
const OVER_PART = 1 / 4;
const LOOK_PART = 1 / 3;
/** Between two looks there is this at least, so that thousands of handlers that began one by one are looked at together. */
const LOOK_MS = 100;

/** What a handler works on. */
export interface Work {
  readonly lease: number;
  /** How long its lease is, or as long as the handler made it. */
  leaseMs: number;
  readonly begunAt: number;
  /** When its lease was given, or asked to be prolonged. */
  leasedAt: number;
}

/** Keeps leases while handlers work: prolongs each again and again, until the work is done or takes too long. */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #extendForMs: number;
  readonly #extend: (lease: number, leaseMs: number) => void;
  readonly #works = new NumberedMap<Work>();
  /** When it looks at them next. */
  #lookAt = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** @param extendForMs work that was begun longer ago is let go */
  constructor(clock: Clock, extendForMs: number, extend: (lease: number, leaseMs: number) => void) {
    this.#clock = clock;
    this.#extendForMs = extendForMs;
    this.#extend = extend;
  }

  /** @param leaseUntil when the lease ends */
  begin(lease: number, leaseMs: number, leaseUntil: number): Work {
    const leasedAt = leaseUntil - leaseMs;
    const work = { lease, leaseMs, begunAt: leasedAt, leasedAt };
    if (this.#extendForMs > 0) {
      this.#works.set(lease, work);
      this.#lookBy(leasedAt + leaseMs * LOOK_PART);
    }
    return work;
  }

  end(work: Work): void {
    // Another life may have given its number to another lease.
    if (this.#works.get(work.lease) === work) this.#works.delete(work.lease);
  }

  /** The leases are another's. */
  clear(): void {
    this.#works.clear();
  }

  #lookBy(at: number): void {
    if (this.#lookAt <= at) return;
    this.#cancel?.();
    this.#lookAt = at;
    this.#cancel = this.#clock.wakeAt(at, () => this.#look());
  }

  #look(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const work of [...this.#works.values()]) {
      if (now - work.begunAt >= this.#extendForMs) {
        this.#works.delete(work.lease);
        continue;
      }
      if (now - work.leasedAt >= work.leaseMs * OVER_PART) {
        work.leasedAt = now;
        this.#extend(work.lease, work.leaseMs);
      }
      next = Math.min(next, work.leasedAt + work.leaseMs * LOOK_PART);
    }
    if (next < Number.POSITIVE_INFINITY) this.#lookBy(Math.max(next, now + LOOK_MS));
  }
}
