import type { Clock } from "../../clock.js";
import type { Engine, EngineEvents } from "../../engine.js";

/** Where the engine of one case keeps its messages: empty at first. */
export interface EngineHost {
  /** Opens an engine on what the host holds. Called again after `close` or `crash` of the one before. */
  open(clock: Clock, events: EngineEvents): Promise<Engine>;
  /** Abandons an open engine as `kill -9` would: the next `open` finds only what was durable. */
  crash(engine: Engine): Promise<void>;
  /** Makes the next commit fail, whether it is `kept` all the same or not. Only with `supports.failures`. */
  failNextCommit(kept: boolean): void;
  /** Removes everything; the engine is closed or crashed by then. */
  /** What is wrong with what is stored, in words; nothing when all is well. For hosts that can look. */
  examine?(): Promise<readonly string[]>;
  destroy(): Promise<void>;
}

/** What a kind of engine is able to do. */
export interface Abilities {
  /** Opened again after `close`, it has its messages. */
  readonly reopen: boolean;
  /** Opened again after `crash`, it has what it confirmed. */
  readonly crash: boolean;
  /** Its store can be made to fail. */
  readonly failures: boolean;
}

/** A kind of engine to test. */
export interface EngineUnderTest {
  readonly supports: Abilities;
  /** A new host for each case. */
  host(): Promise<EngineHost>;
}

/** A way for an engine to end one life and begin the next. */
export type Restart = "reopen" | "crash";
