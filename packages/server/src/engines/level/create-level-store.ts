import type { Store } from "../../store.js";
import { JournaledStore } from "./journal/journaled-store.js";
import { LevelStore } from "./level-store.js";
import { Scavenger } from "./scavenger.js";

/** The store of the embedded engine: LevelDB in a directory, with a journal before it. */
export function createLevelStore(directory: string): Store {
  const scavenger = new Scavenger();
  const base = new LevelStore(directory, scavenger);
  return new JournaledStore({ base, directory, passed: (bytes) => scavenger.passed(bytes) });
}
