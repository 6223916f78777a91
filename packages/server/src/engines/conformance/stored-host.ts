import type { Clock } from "../../clock.js";
import { examine } from "../../doctor/examine.js";
import type { Engine, EngineEvents } from "../../engine.js";
import type { Store } from "../../store.js";
import type { EngineHost } from "./engine-host.js";
import { FragileStore } from "./fragile-store.js";

/** How a host makes the parts of an engine that keeps its messages in a store. */
export interface StoredHostOptions {
  /** A store on the same data each time. */
  store(): Store;
  engine(store: Store, clock: Clock): Engine;
  destroy(): Promise<void>;
}

/** Hosts an engine on a store that can be crashed. */
export class StoredHost implements EngineHost {
  readonly #options: StoredHostOptions;
  #store: FragileStore | undefined;

  constructor(options: StoredHostOptions) {
    this.#options = options;
  }

  async open(clock: Clock, events: EngineEvents): Promise<Engine> {
    this.#store = new FragileStore(this.#options.store());
    const engine = this.#options.engine(this.#store, clock);
    await engine.open(events);
    return engine;
  }

  async crash(): Promise<void> {
    await this.#store?.crash();
  }

  failNextCommit(kept: boolean): void {
    this.#store?.failNextWrite(kept);
  }

  async examine(): Promise<readonly string[]> {
    const snapshot = await this.#store?.snapshot();
    if (snapshot === undefined) return [];
    const { findings } = await examine(snapshot);
    await snapshot.close();
    return findings.map(({ of, what }) => `${of ?? "the store"}: ${what}`);
  }

  async destroy(): Promise<void> {
    await this.#options.destroy();
  }
}
