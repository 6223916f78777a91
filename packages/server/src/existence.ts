import { HoldfastError } from "holdfast-client/protocol";
import { Census, type Counted } from "./census.js";

/** What is created on its first use: queues, or rooms. */
export interface Kind<Address> extends Counted {
  exists(address: Address): boolean;
  /** Creates it with the defaults. */
  create(address: Address): Promise<void>;
  describe(address: Address): string;
  /** A text that no other address of the kind has. */
  keyOf(address: Address): string;
  /** Whether the engine stopped: then it knows of nothing, and will say so, which is the better answer. */
  isStopped(): boolean;
}

/** Something being created. `error` is read in the same turn in which those who waited go on. */
interface Creation {
  error: unknown;
}

/**
 * Sees to it that queues, or rooms, exist before they are used, and that there are not too many.
 *
 * Those who use one go on in the order in which they came, also when some had to wait for a creation.
 */
export class Existence<Address extends { readonly namespace: string }> {
  readonly #kind: Kind<Address>;
  readonly #census: Census;
  readonly #creations = new Map<string, Creation>();
  /** Settles when all changes that are under way have. */
  #changes: Promise<void> | undefined;

  constructor(kind: Kind<Address>, itemsMax: number, namespacesMax: number) {
    this.#kind = kind;
    this.#census = new Census(kind, itemsMax, namespacesMax);
  }

  /** Whether all exist and nobody waits, so that `allExist` need not be awaited. */
  isCertain(addresses: readonly Address[]): boolean {
    return this.#changes === undefined && addresses.every((address) => this.#kind.exists(address));
  }

  /** Creates what is missing, or fails with `NOT_FOUND`. Waits for every change under way, so that nobody who calls later goes first. */
  async allExist(addresses: readonly Address[], mayCreate: (address: Address) => boolean): Promise<void> {
    const creations = addresses.map((address) => this.#creationOf(address, mayCreate(address)));
    await this.#changes;
    for (const [index, address] of addresses.entries()) {
      const creation = creations[index];
      if (creation?.error !== undefined) throw creation.error;
      const missing = creation === undefined && !this.#kind.exists(address) && !this.#kind.isStopped();
      if (missing) throw new HoldfastError("NOT_FOUND", `there is no ${this.#kind.describe(address)}`);
    }
  }

  #creationOf(address: Address, mayCreate: boolean): Creation | undefined {
    const key = this.#kind.keyOf(address);
    const running = this.#creations.get(key);
    if (running !== undefined || !mayCreate || this.#kind.exists(address)) return running;
    const creation: Creation = { error: undefined };
    this.#creations.set(key, creation);
    this.#change(async () => {
      try {
        await this.#census.create(address.namespace, key, () => this.#kind.create(address));
      } catch (error) {
        creation.error = error;
      }
      this.#creations.delete(key);
    });
    return creation;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = change();
    const all: Promise<void> = Promise.allSettled([this.#changes, done]).then(() => {
      // Only after this turn: whoever waited goes on in it, and nobody who calls now may go first.
      setImmediate(() => {
        if (this.#changes === all) this.#changes = undefined;
      });
    });
    this.#changes = all;
    return done;
  }

  /** Runs what has to be over before anything that is asked later takes effect. It must not fail. */
  during(change: () => Promise<void>): void {
    void this.#change(change);
  }

  /** Runs what defines it, which counts when it is created by that. */
  define(address: Address, define: () => Promise<void>): Promise<void> {
    const key = this.#kind.keyOf(address);
    const isKnown = this.#kind.exists(address) || this.#creations.has(key);
    return this.#change(isKnown ? define : () => this.#census.create(address.namespace, key, define));
  }

  /** Runs what removes it. */
  remove(address: Address, remove: () => Promise<void>): Promise<void> {
    return this.#change(async () => {
      await remove();
      await this.#census.removed(address.namespace);
    });
  }

  /** One was removed by the engine. */
  async removed(namespace: string): Promise<void> {
    await this.#census.removed(namespace);
  }
}
