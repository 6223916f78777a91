import type { EngineHost } from "../conformance/index.js";
import { StoredHost } from "../conformance/stored-host.js";
import { createMemoryEngine } from "./memory-engine.js";
import { MemoryStore } from "./memory-store.js";

/** Hosts a memory engine whose store outlives it, for tests of what a next life finds. */
export async function createMemoryHost(): Promise<EngineHost> {
  const kept = new MemoryStore();
  return new StoredHost({
    store: () => kept,
    engine: (store, clock) => createMemoryEngine({ store, clock }),
    destroy: async () => {},
  });
}
