/** How much may be asked for: steadily, and at once. */
export interface Rate {
  readonly perSecond: number;
  /** What a bucket holds when it is full. */
  readonly burst: number;
}

/** No limit: more than any server does in a second. */
export const UNLIMITED: Rate = { perSecond: 1e12, burst: 1e12 };

export const isLimited = ({ perSecond }: Rate): boolean => perSecond < UNLIMITED.perSecond;

/**
 * Allows so much a second, and a burst after a quiet time. Whoever finds something in it may take more than there is, and then
 * waits until that is made up for: so a large request needs no large bucket. Time comes in.
 */
export class TokenBucket {
  readonly rate: Rate;
  #level: number;
  #updatedAt: number;

  constructor(rate: Rate, now: number) {
    this.rate = rate;
    this.#level = rate.burst;
    this.#updatedAt = now;
  }

  /** How long until there is something in it; 0 when there is. */
  waitMs(now: number): number {
    const level = this.level(now);
    return level > 0 ? 0 : Math.floor((-level / this.rate.perSecond) * 1_000) + 1;
  }

  /** What is in it; below 0 what was taken beyond that. */
  level(now: number): number {
    const { perSecond, burst } = this.rate;
    if (now > this.#updatedAt) {
      this.#level = Math.min(burst, this.#level + ((now - this.#updatedAt) / 1_000) * perSecond);
      this.#updatedAt = now;
    }
    return this.#level;
  }

  /** Takes so much, whether it is there or not. */
  take(tokens: number, now: number): void {
    this.#level = this.level(now) - tokens;
  }
}
