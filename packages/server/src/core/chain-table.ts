import type { Chain } from "./chain.js";

const BUCKETS_MIN = 64;
/** With so few for each bucket the table gets smaller. */
const SPARSE = 1 / 8;

/**
 * Chains by their keys: what a `Map` is, for chains that come and go with every message. A `Map` leaves tables behind that point at all
 * that was ever in it (see `NumberedMap`), so each chain, with its key, would live until a full collection. Here nothing points at one
 * that is gone.
 */
export class ChainTable {
  /** What hashes begin with, so that nobody who chooses keys can tell which of them meet in one bucket. */
  readonly #seed: number;
  /** A power of two of them; the chains of one are linked by `nextInBucket`. */
  #buckets: (Chain | undefined)[] = bucketsOf(BUCKETS_MIN);
  #size = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get(key: string): Chain | undefined {
    let chain = this.#buckets[this.#bucketOf(key)];
    while (chain !== undefined && chain.key !== key) chain = chain.nextInBucket;
    return chain;
  }

  /** Its key must not be there. */
  add(chain: Chain): void {
    if (this.#size === this.#buckets.length) this.#resize(this.#size * 2);
    this.#link(chain);
    this.#size++;
  }

  /** Nothing happens when it is not there. */
  delete(chain: Chain): void {
    const bucket = this.#bucketOf(chain.key);
    let before: Chain | undefined;
    let found = this.#buckets[bucket];
    while (found !== undefined && found !== chain) {
      before = found;
      found = found.nextInBucket;
    }
    if (found === undefined) return;
    if (before === undefined) this.#buckets[bucket] = chain.nextInBucket;
    else before.nextInBucket = chain.nextInBucket;
    chain.nextInBucket = undefined;
    this.#size--;
    if (this.#size < this.#buckets.length * SPARSE && this.#buckets.length > BUCKETS_MIN) this.#resize(this.#buckets.length / 2);
  }

  /** All of them, in no order; none may be added or deleted meanwhile. */
  *values(): IterableIterator<Chain> {
    for (const first of this.#buckets) {
      for (let chain = first; chain !== undefined; chain = chain.nextInBucket) yield chain;
    }
  }

  #link(chain: Chain): void {
    const bucket = this.#bucketOf(chain.key);
    chain.nextInBucket = this.#buckets[bucket];
    this.#buckets[bucket] = chain;
  }

  #bucketOf(key: string): number {
    let hash = this.#seed;
    for (let at = 0; at < key.length; at++) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x5bd1_e995);
      hash ^= hash >>> 15;
    }
    return hash & (this.#buckets.length - 1);
  }

  #resize(count: number): void {
    const chains = [...this.values()];
    // What is left behind must not keep them alive.
    this.#buckets.fill(undefined);
    this.#buckets = bucketsOf(count);
    for (const chain of chains) this.#link(chain);
  }
}

const bucketsOf = (count: number): (Chain | undefined)[] => new Array<Chain | undefined>(count).fill(undefined);
