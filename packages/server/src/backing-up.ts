import type { Entry } from "./store.js";

/** Everything durable of an engine at one moment, to be read page by page while the engine goes on. */
export interface EngineBackup {
  /** Of the form in which the entries are: see `FORMAT_VERSION`. */
  readonly storeVersion: number;
  /** The next entries, in order of their keys, about 512 KiB; none at the end. One call at a time. */
  next(): Promise<readonly Entry[]>;
  /** Lets go what it holds. It ends by itself with the engine's life, and when nobody asked for 60 s. */
  close(): Promise<void>;
}

/** The part of the engine contract that copies all of it. */
export interface BackingUp {
  /**
   * Begins a copy of everything that is durable, as it is at one moment after the call: whole commits, nothing of later
   * ones. One at a time, else `RATE_LIMITED`.
   */
  backup(): Promise<EngineBackup>;
}
