import { HoldfastError } from "holdfast-client/protocol";
import type { Page } from "./engine.js";

const PAGE = 1_000;

/** What is counted: `queues` or `rooms`, and how to list the names of a namespace. */
export interface Counted {
  readonly plural: string;
  list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>>;
}

/**
 * How many queues, or rooms, each namespace has, so that the number stays bounded. A namespace is counted when one is first
 * created in it; dead-letter queues that the engine makes afterwards are not.
 */
export class Census {
  readonly #counted: Counted;
  readonly #itemsMax: number;
  readonly #namespacesMax: number;
  readonly #counts = new Map<string, Promise<{ items: number }>>();
  /** What is being created, by several calls it may be: it counts once. */
  readonly #creating = new Map<string, { calls: number; isThere: boolean }>();

  constructor(counted: Counted, itemsMax: number, namespacesMax: number) {
    this.#counted = counted;
    this.#itemsMax = itemsMax;
    this.#namespacesMax = namespacesMax;
  }

  /** Runs what creates the one of that key, or fails with `TOO_LARGE` when the namespace is full. */
  async create(namespace: string, key: string, create: () => Promise<void>): Promise<void> {
    const count = await this.#countOf(namespace);
    const creation = this.#creating.get(key) ?? { calls: 0, isThere: false };
    if (creation.calls === 0) {
      if (count.items >= this.#itemsMax) {
        const { plural } = this.#counted;
        throw new HoldfastError("TOO_LARGE", `namespace ${namespace} has ${count.items} ${plural}, at most ${this.#itemsMax} are allowed`);
      }
      count.items++;
      this.#creating.set(key, creation);
    }
    creation.calls++;
    try {
      await create();
      creation.isThere = true;
    } finally {
      if (--creation.calls === 0) {
        this.#creating.delete(key);
        if (!creation.isThere) count.items--;
      }
    }
  }

  /** One was removed. */
  async removed(namespace: string): Promise<void> {
    const count = await this.#counts.get(namespace);
    if (count !== undefined) count.items = Math.max(0, count.items - 1);
  }

  async #countOf(namespace: string): Promise<{ items: number }> {
    const known = this.#counts.get(namespace);
    if (known !== undefined) return known;
    if (this.#counts.size >= this.#namespacesMax) {
      const { plural } = this.#counted;
      throw new HoldfastError("TOO_LARGE", `${this.#counts.size} namespaces have ${plural}, at most ${this.#namespacesMax} are allowed`);
    }
    const counting = this.#count(namespace);
    this.#counts.set(namespace, counting);
    try {
      return await counting;
    } catch (error) {
      this.#counts.delete(namespace);
      throw error;
    }
  }

  async #count(namespace: string): Promise<{ items: number }> {
    let items = 0;
    let after: string | undefined;
    do {
      const page = await this.#counted.list(namespace, after, PAGE);
      items += page.items.length;
      after = page.next;
    } while (after !== undefined && items < this.#itemsMax);
    return { items };
  }
}
