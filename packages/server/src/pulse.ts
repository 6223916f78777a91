import type { Clock } from "./clock.js";

/**
 * Does work that is asked for again and again, a limited number of times a second: at once after a rest, and everything
 * that is asked for meanwhile together when the time has come.
 */
export class Pulse {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #work: () => number | Promise<number>;
  /** Not before this time. */
  #next = 0;
  #wanted = false;
  #running = false;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** @param work resolves to how many intervals it is to rest then, 1 or more; never fails */
  constructor(clock: Clock, intervalMs: number, work: () => number | Promise<number>) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  /** There is something to do. */
  want(): void {
    this.#wanted = true;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#stopped || this.#running || this.#cancel !== undefined) return;
    const due = (): void => {
      this.#cancel = undefined;
      if (!this.#stopped) void this.#beat();
    };
    if (this.#next > this.#clock.now()) {
      this.#cancel = this.#clock.wakeAt(this.#next, due);
    } else {
      this.#cancel = () => {};
      this.#clock.soon(due);
    }
  }

  async #beat(): Promise<void> {
    this.#running = true;
    this.#wanted = false;
    this.#next = this.#clock.now() + this.#intervalMs;
    const rests = await this.#work();
    this.#next += (rests - 1) * this.#intervalMs;
    this.#running = false;
    if (this.#wanted) this.#arm();
  }
}
