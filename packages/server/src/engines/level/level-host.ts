import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineHost } from "../conformance/index.js";
import { StoredHost } from "../conformance/stored-host.js";
import { StoredEngine } from "../stored-engine.js";
import { createLevelStore } from "./create-level-store.js";

/** Hosts a level engine in a temporary directory, for tests. */
export async function createLevelHost(): Promise<EngineHost> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-level-"));
  return new StoredHost({
    store: () => createLevelStore(directory),
    engine: (store, clock) => new StoredEngine({ name: "level", store, clock, random: Math.random }),
    destroy: () => rm(directory, { recursive: true, force: true }),
  });
}
