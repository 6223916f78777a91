import type { Progress } from "./progress.js";

const STALL_MS = 5_000;

/** Says on standard error, once each time, that nothing moves though there is something to do: a command must not hang without a word. */
export class Stall {
  readonly #timer: NodeJS.Timeout;
  #count = -1;
  #isTold = false;

  /** @param why what waits, and what may be the reason; empty when nothing does */
  constructor(progress: Progress, why: () => string) {
    this.#timer = setInterval(() => {
      const moved = progress.count !== this.#count;
      this.#count = progress.count;
      if (moved) this.#isTold = false;
      const text = why();
      if (moved || this.#isTold || text === "") return;
      this.#isTold = true;
      progress.say(`nothing for ${STALL_MS / 1_000} s: ${text}`);
    }, STALL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
