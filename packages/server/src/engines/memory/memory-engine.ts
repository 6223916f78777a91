import { type Clock, systemClock } from "../../clock.js";
import type { Engine } from "../../engine.js";
import type { Store } from "../../store.js";
import { StoredEngine } from "../stored-engine.js";
import { MemoryStore } from "./memory-store.js";

/**
 * The engine that keeps everything in memory: full semantics, no durability. What it holds ends with the process.
 *
 * @param options.store where it keeps things; a test passes one that outlives the engine
 * @example const holdfast = await Holdfast.open({ engine: "memory" });
 */
export function createMemoryEngine(
  options: { readonly clock?: Clock; readonly store?: Store; readonly random?: () => number } = {},
): Engine {
  return new StoredEngine({
    name: "memory",
    store: options.store ?? new MemoryStore(),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  });
}
