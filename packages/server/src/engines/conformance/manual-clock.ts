import type { Clock } from "../../clock.js";

interface WakeUp {
  readonly at: number;
  readonly wake: () => void;
}

/** Lets everything run that the last step made runnable. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Time that stands still until a test moves it. Wake-ups are called in the order of their time, then of their request;
 * one that is due already is called in the next turn, as a timer of 0 ms would be.
 *
 * @example
 * const clock = new ManualClock();
 * clock.wakeAt(clock.now() + 1_000, ring);
 * await clock.advance(1_000); // ring was called, and what it started had a turn
 */
export class ManualClock implements Clock {
  #now: number;
  readonly #wakeUps: WakeUp[] = [];

  /** @param now where time starts, milliseconds since 1970 */
  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  wakeAt(at: number, wake: () => void): () => void {
    const wakeUp: WakeUp = { at, wake };
    const later = this.#wakeUps.findIndex((other) => other.at > at);
    this.#wakeUps.splice(later === -1 ? this.#wakeUps.length : later, 0, wakeUp);
    if (at <= this.#now) setImmediate(() => this.#take(wakeUp) && wake());
    return () => this.#take(wakeUp);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  #take(wakeUp: WakeUp): boolean {
    const index = this.#wakeUps.indexOf(wakeUp);
    if (index !== -1) this.#wakeUps.splice(index, 1);
    return index !== -1;
  }

  /**
   * Moves time forward and calls what becomes due on the way, each at its own time. Resolves when nothing more is due;
   * work that a wake-up started on a disk may still be under way.
   *
   * @param ms milliseconds, 0 or more
   */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (let next = this.#wakeUps[0]; next !== undefined && next.at <= until; next = this.#wakeUps[0]) {
      this.#now = Math.max(this.#now, next.at);
      this.#take(next);
      next.wake();
      await turn();
    }
    this.#now = until;
    await turn();
  }

  /** Sets the clock, as an administrator does between two lives; nobody is woken for it. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** A clock for one life of an engine: after `end` it tells the time but wakes nobody, as if the process were gone. */
  life(): { readonly clock: Clock; end(): void } {
    let over = false;
    const clock: Clock = {
      now: () => this.#now,
      wakeAt: (at, wake) => this.wakeAt(at, () => over || wake()),
      soon: (run) => this.soon(() => over || run()),
    };
    return {
      clock,
      end: () => {
        over = true;
      },
    };
  }
}
