import type { Store } from "../../store.js";
import type { EngineHost } from "../conformance/index.js";
import { StoredHost } from "../conformance/stored-host.js";
import { createMemoryEngine } from "./memory-engine.js";
import { MemoryStore } from "./memory-store.js";

/** Hosts a memory engine whose store outlives it, for tests of what a next life finds. */
export async function createMemoryHost(): Promise<EngineHost> {
  return hostOn(new MemoryStore());
}

/** Hosts an engine on a store that a test holds in its hands. @param random as of the engine; without it chance is real */
export function hostOn(kept: Store, random?: () => number): EngineHost {
  return new StoredHost({
    store: () => kept,
    engine: (store, clock) => createMemoryEngine({ store, clock, ...(random && { random }) }),
    destroy: async () => {},
  });
}
