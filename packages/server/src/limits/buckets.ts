import { type Rate, TokenBucket } from "./token-bucket.js";

/** Buckets that nobody holds any more but that are remembered, so that coming back is no way to a full one. */
const IDLE_MAX = 10_000;

/** What is known of one name while something of it is open, and for a while after. */
interface Held {
  readonly bucket: TokenBucket;
  holders: number;
}

/** One bucket for all that share a name: the connections of a user, or of an address. */
export class Buckets {
  readonly #rate: Rate;
  readonly #held = new Map<string, Held>();
  /** Those without holders, the longest without one first. */
  readonly #idle = new Map<string, TokenBucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** The bucket of that name, to be given back by `release` as often as it was asked for. */
  hold(name: string, now: number): TokenBucket {
    let held = this.#held.get(name);
    if (held === undefined) {
      held = { bucket: this.#idle.get(name) ?? new TokenBucket(this.#rate, now), holders: 0 };
      this.#idle.delete(name);
      this.#held.set(name, held);
    }
    held.holders++;
    return held.bucket;
  }

  release(name: string): void {
    const held = this.#held.get(name);
    if (held === undefined || --held.holders > 0) return;
    this.#held.delete(name);
    this.#idle.set(name, held.bucket);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > IDLE_MAX && oldest !== undefined) this.#idle.delete(oldest);
  }

  /** The bucket of a name that nothing is open of for long: a try to connect. */
  touch(name: string, now: number): TokenBucket {
    const bucket = this.hold(name, now);
    this.release(name);
    return bucket;
  }

  /** How many of that name hold it. */
  holders(name: string): number {
    return this.#held.get(name)?.holders ?? 0;
  }
}
