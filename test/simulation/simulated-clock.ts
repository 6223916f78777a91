import type { Clock } from "../../packages/server/src/clock.js";
import type { Random } from "./random.js";
import { ms, type VirtualTime } from "./virtual-time.js";

/** The clock of one process: virtual time, as far off as the wall clock was when the process started. */
export class SimulatedClock implements Clock {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #startedAtMs: number;
  #over = false;

  /** @param startedAtMs what the wall clock shows at the run's begin, milliseconds since 1970 */
  constructor(time: VirtualTime, random: Random, startedAtMs: number) {
    this.#time = time;
    this.#random = random;
    this.#startedAtMs = startedAtMs;
  }

  now(): number {
    return this.#startedAtMs + Math.floor(this.#time.nowUs / 1_000);
  }

  /** As real timers it is late: mostly by little, at times by as much as a busy event loop. */
  wakeAt(at: number, wake: () => void): () => void {
    const lateUs = this.#random.chance(0.05) ? this.#random.below(ms(200)) : this.#random.below(ms(2));
    const inUs = ms(at - this.#startedAtMs) - this.#time.nowUs;
    return this.#time.in(Math.max(0, inUs) + lateUs, () => {
      if (!this.#over) wake();
    });
  }

  /** Before time goes on, or a little later when the event loop is busy. */
  soon(run: () => void): void {
    this.#time.in(this.#random.chance(0.9) ? 0 : this.#random.below(500), () => {
      if (!this.#over) run();
    });
  }

  /** The process is gone: it wakes nobody any more, and still tells the time. */
  end(): void {
    this.#over = true;
  }
}
