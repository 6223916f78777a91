/** Chance that can be replayed: the same seed gives the same numbers everywhere (the generator is sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = 0x9e37_79b9;
    // The first numbers of neighbouring seeds are alike.
    for (let round = 0; round < 12; round++) this.next();
  }

  /** From 0 (included) to 1 (not). */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  }

  /** An integer from 0 to `end`, without it. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  /** One of the items; undefined when there is none. */
  any<Item>(items: readonly Item[]): Item | undefined {
    return items[this.below(items.length)];
  }

  /** A generator of its own, so that what one part draws does not change another's. */
  fork(): Random {
    return new Random(this.below(2 ** 32) + this.below(2 ** 20) * 2 ** 32);
  }
}
