import type { Chain } from "./chain.js";
import { Heap } from "./heap.js";

/** A chain, and the first sequence that waited in it when that was noted. */
interface Age {
  readonly chain: Chain;
  readonly from: number;
}

/** What is not true any more is thrown out past so many, and past twice as many as there are chains. */
const STALE_MAX = 1_024;

/** Finds the chain in which the oldest message waits, of a queue whose oldest have to give way. */
export class ChainAges {
  readonly #ages = new Heap<Age>((a, b) => a.from < b.from);
  /** What was noted last of a chain. */
  readonly #noted = new WeakMap<Chain, number>();
  #chains = 0;

  /** What waits in the chain changed. */
  note(chain: Chain): void {
    const from = chain.waitingFrom;
    if (this.#noted.get(chain) === from) return;
    this.#noted.set(chain, from);
    if (from === Number.POSITIVE_INFINITY) return;
    this.#ages.push({ chain, from });
    if (this.#ages.size <= STALE_MAX + 2 * this.#chains) return;
    const kept = new Set<Chain>();
    this.#ages.retain((age) => {
      if (kept.has(age.chain) || !this.#isTrue(age)) return false;
      kept.add(age.chain);
      return true;
    });
    this.#chains = kept.size;
  }

  /** Undefined when nothing waits in any chain. */
  get oldest(): Chain | undefined {
    for (let age = this.#ages.peek(); age !== undefined; age = this.#ages.peek()) {
      if (this.#isTrue(age)) return age.chain;
      this.#ages.pop();
      this.note(age.chain);
    }
    return undefined;
  }

  #isTrue({ chain, from }: Age): boolean {
    return this.#noted.get(chain) === from && chain.waitingFrom === from;
  }
}
