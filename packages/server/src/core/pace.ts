/** What may be leased at once after a pause: that of so many milliseconds, but always one message. */
const BURST_MS = 50;
/** Whoever comes so much later than told, as a timer may, loses nothing of the rate by that. After a pause nothing is carried over. */
const LATE_MS = 25;
/** A queue that waits for its pace is looked at again when so many milliseconds' worth came together. */
const STEP_MS = 10;
/** Sums of fractions may fall short of a whole by so little. */
const EPSILON = 1e-6;

/** A token bucket: how many messages of a queue may be leased now. It starts full, also after a restart. */
export class Pace {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;
  /** When it was last said to be worth while. */
  #next = 0;

  /** Leases allowed at `now`. */
  allowed(ratePerSecond: number, now: number): number {
    const gained = (Math.max(0, now - this.#at) * ratePerSecond) / 1_000;
    const carriedMax = now <= this.#next + LATE_MS ? Math.min((LATE_MS * ratePerSecond) / 1_000, 1 - 2 * EPSILON) : 0;
    this.#tokens = Math.min(burst(ratePerSecond) + carriedMax, this.#tokens + gained);
    this.#at = now;
    return Math.floor(this.#tokens + EPSILON);
  }

  take(leases: number): void {
    this.#tokens -= leases;
  }

  /** When it is worth while to ask again, after `allowed` said 0. */
  next(ratePerSecond: number): number {
    const wanted = Math.min(burst(ratePerSecond), Math.max(1, Math.floor((ratePerSecond * STEP_MS) / 1_000)));
    this.#next = this.#at + Math.ceil(((wanted - EPSILON - this.#tokens) * 1_000) / ratePerSecond);
    return this.#next;
  }
}

const burst = (ratePerSecond: number): number => Math.max(1, Math.floor((ratePerSecond * BURST_MS) / 1_000));
