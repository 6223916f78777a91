import { type Clock, systemClock } from "../../clock.js";
import type { Engine } from "../../engine.js";
import { StoredEngine } from "../stored-engine.js";
import { createLevelStore } from "./create-level-store.js";

/**
 * The embedded engine: LevelDB in a directory of this machine. A commit is on disk before it is confirmed.
 *
 * @param options.directory created when it is missing; used by one process at a time
 * @example const holdfast = await Holdfast.open({ directory: "./data" });
 */
export function createLevelEngine(options: { readonly directory: string; readonly clock?: Clock; readonly random?: () => number }): Engine {
  return new StoredEngine({
    name: "level",
    store: createLevelStore(options.directory),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  });
}
