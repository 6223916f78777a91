import type { Clock } from "../clock.js";
import { RateLimited } from "../limits/rate-limited.js";
import { isLimited, type Rate, TokenBucket } from "../limits/token-bucket.js";

/** What it costs to be refused, and how slowly that is forgotten: whoever does not wait, as told, is cut in the end. */
const REFUSED_UNITS = 10;
const PATIENCE_SHARE = 0.1;

/** As often as an address may connect; nobody has more namespaces than there may be. */
const JOIN_RATE: Rate = { perSecond: 100, burst: 1_000 };

/** Bytes of requests with something wrong. They were read and parsed for nothing, while everybody else waited. */
export const WASTE_RATE: Rate = { perSecond: 1_048_576, burst: 1_048_576 };
/** Nothing is read from a client for longer, so that its heartbeats are seen in time. */
const HOLD_MS_MAX = 2_000;

/** A bucket, and whose it is in the words of an error. */
export interface Share {
  readonly whose: string;
  readonly bucket: TokenBucket;
}

/** What of a connection its namespaces have in common. */
export class OwnBuckets {
  readonly work: TokenBucket;
  /** For requests that were refused as too many. */
  readonly patience: TokenBucket;
  /** For requests that were refused because something is wrong with them. */
  readonly bad: TokenBucket;
  /** For the bytes of those. */
  readonly waste: TokenBucket;
  /** For tries to join a namespace, also those that fail. */
  readonly joins: TokenBucket;

  constructor(work: Rate, bad: Rate, now: number) {
    this.work = new TokenBucket(work, now);
    this.patience = new TokenBucket({ perSecond: work.perSecond * PATIENCE_SHARE, burst: work.burst }, now);
    this.bad = new TokenBucket(bad, now);
    this.waste = new TokenBucket(WASTE_RATE, now);
    this.joins = new TokenBucket(JOIN_RATE, now);
  }
}

/** What a client may still ask for: as a connection, as a user, and from an address. Asked once a request or section, whatever is in it. */
export class Allowance {
  readonly #own: OwnBuckets;
  readonly #shares: readonly Share[];
  readonly #wastes: readonly TokenBucket[];
  readonly #clock: Clock;

  /** @param userWaste what its user's connections have for the bytes of requests with something wrong, if it has one */
  constructor(own: OwnBuckets, shared: readonly Share[], userWaste: TokenBucket | undefined, clock: Clock) {
    this.#own = own;
    this.#wastes = userWaste === undefined ? [own.waste] : [own.waste, userWaste];
    const shares = [{ whose: "this connection", bucket: own.work }, ...shared];
    this.#shares = shares.filter(({ bucket }) => isLimited(bucket.rate));
    this.#clock = clock;
  }

  /** Takes units, or fails with `RATE_LIMITED` when one of the buckets is empty. */
  spend(units: number): void {
    const now = this.#clock.now();
    for (const { bucket } of this.#shares) if (bucket.level(now) <= 0) throw this.#refusal(now);
    for (const { bucket } of this.#shares) bucket.take(units, now);
  }

  /** As `spend`, for settlements: they make the server's work less, so they are refused only when twice as much was taken. */
  spendToSettle(units: number): void {
    const now = this.#clock.now();
    for (const { bucket } of this.#shares) if (bucket.level(now) <= -bucket.rate.burst) throw this.#refusal(now);
    for (const { bucket } of this.#shares) bucket.take(units, now);
  }

  /** Counts a request that was refused because something is wrong with it. Returns false when it was one too many. */
  forgives(): boolean {
    const now = this.#clock.now();
    this.#own.bad.take(1, now);
    return this.#own.bad.level(now) >= 0;
  }

  /** Counts the bytes of a request that was refused because something is wrong with it. */
  waste(bytes: number): void {
    const now = this.#clock.now();
    for (const bucket of this.#wastes) bucket.take(bytes, now);
  }

  /** For how long nothing is to be read from the client, in ms: until what was read for nothing is made up for. 0 as a rule. */
  get holdMs(): number {
    const now = this.#clock.now();
    return Math.min(HOLD_MS_MAX, Math.max(...this.#wastes.map((bucket) => bucket.waitMs(now))));
  }

  /** Whether the client went on and on although it was told to wait. */
  get isExhausted(): boolean {
    return this.#own.patience.level(this.#clock.now()) < 0;
  }

  #refusal(now: number): RateLimited {
    this.#own.patience.take(REFUSED_UNITS, now);
    let waitMs = 0;
    let why = "";
    for (const { whose, bucket } of this.#shares) {
      if (bucket.waitMs(now) <= waitMs) continue;
      waitMs = bucket.waitMs(now);
      why = `${whose} has used up its ${bucket.rate.burst} units, and gets ${bucket.rate.perSecond} a second`;
    }
    return new RateLimited(why, waitMs);
  }
}
