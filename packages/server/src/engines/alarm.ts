import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";

/** The one timer of a life, for the earliest of its core's deadlines. */
export class Alarm {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(core: Core, clock: Clock, ring: () => void) {
    this.#core = core;
    this.#clock = clock;
    // It rang, whatever comes of it: another one may be set.
    this.#ring = () => {
      this.#at = Number.POSITIVE_INFINITY;
      ring();
    };
  }

  /** The earliest deadline may be another one. A later one changes nothing: to ring too early does no harm. */
  arm(): void {
    const at = this.#core.nextWake ?? Number.POSITIVE_INFINITY;
    if (at >= this.#at) return;
    this.#cancel?.();
    this.#at = at;
    this.#cancel = this.#clock.wakeAt(at, this.#ring);
  }

  /** It does not ring any more, whoever arms it. */
  stop(): void {
    this.#cancel?.();
    this.#at = Number.NEGATIVE_INFINITY;
  }
}
