import { HoldfastError } from "holdfast-client/protocol";
import type { Engine } from "./engine.js";

const PAGE = 1_000;

/**
 * How many queues each namespace has, so that the number stays bounded. A namespace is counted when a queue is first
 * created in it; dead-letter queues that the engine makes afterwards are not.
 */
export class QueueCensus {
  readonly #engine: Engine;
  readonly #queuesMax: number;
  readonly #namespacesMax: number;
  readonly #counts = new Map<string, Promise<{ queues: number }>>();

  constructor(engine: Engine, queuesMax: number, namespacesMax: number) {
    this.#engine = engine;
    this.#queuesMax = queuesMax;
    this.#namespacesMax = namespacesMax;
  }

  /** Runs what creates a queue, or fails with `TOO_LARGE` when the namespace is full. */
  async create(namespace: string, create: () => Promise<void>): Promise<void> {
    const count = await this.#countOf(namespace);
    if (count.queues >= this.#queuesMax) {
      throw new HoldfastError("TOO_LARGE", `namespace ${namespace} has ${count.queues} queues, at most ${this.#queuesMax} are allowed`);
    }
    count.queues++;
    try {
      await create();
    } catch (error) {
      count.queues--;
      throw error;
    }
  }

  /** A queue was removed. */
  async removed(namespace: string): Promise<void> {
    const count = await this.#counts.get(namespace);
    if (count !== undefined) count.queues = Math.max(0, count.queues - 1);
  }

  async #countOf(namespace: string): Promise<{ queues: number }> {
    const known = this.#counts.get(namespace);
    if (known !== undefined) return known;
    if (this.#counts.size >= this.#namespacesMax) {
      throw new HoldfastError("TOO_LARGE", `${this.#counts.size} namespaces have queues, at most ${this.#namespacesMax} are allowed`);
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

  async #count(namespace: string): Promise<{ queues: number }> {
    let queues = 0;
    let after: string | undefined;
    do {
      const page = await this.#engine.list(namespace, after, PAGE);
      queues += page.items.length;
      after = page.next;
    } while (after !== undefined && queues < this.#queuesMax);
    return { queues };
  }
}
