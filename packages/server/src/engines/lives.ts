import { HoldfastError } from "holdfast-client/protocol";
import type { EngineBackup } from "../backing-up.js";
import { FORMAT_VERSION } from "../core/catalog.js";
import type { Core } from "../core/core.js";
import * as keys from "../core/keys.js";
import type { EngineEvents } from "../engine.js";
import { Life, type Surroundings } from "./life.js";
import { readMeta } from "./meta.js";
import { recoverDelays } from "./recover-delays.js";
import { recoverDue } from "./recover-due.js";
import { recoverLogs } from "./recover-log.js";
import { restoreCore } from "./restore.js";
import type { StoredBackups } from "./stored-backup.js";
import { unknownOutcome } from "./unknown-outcome.js";

export interface LivesOptions extends Surroundings {
  readonly backups: StoredBackups;
  readonly random: () => number;
  readonly keepOld: (backup: EngineBackup) => Promise<void>;
}

type State = "closed" | "running" | "stopped" | "closing";

const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5_000;
/** A full disk may have room again at any time, so it is tried more often. */
const REOPEN_FULL_MS_MAX = 1_000;

/**
 * The lives of an engine, one after the other.
 *
 * It is fail-stop: after the first failed write nothing of a life is used any more; the store is closed and opened again,
 * ever more slowly, until that works, with a new core.
 */
export class Lives {
  readonly #options: LivesOptions;
  #state: State = "closed";
  #current: Life | undefined;
  #epoch = "";
  #stoppedBy: HoldfastError | undefined;
  #failedMeanwhile: { readonly cause: unknown } | undefined;
  #reopenMs = REOPEN_MS_MIN;
  #cancelReopening: (() => void) | undefined;
  #reopening: Promise<void> = Promise.resolve();

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  /** Names the life there is, or was before the store failed. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The life of an engine that runs, or that makes its last commit. One that is being restored is not to be touched. */
  get current(): Life | undefined {
    return this.#current;
  }

  running(): Life {
    if (this.#state === "closing" || this.#state === "closed") throw new HoldfastError("SHUTTING_DOWN", "the engine is closing");
    if (this.#current === undefined || this.#state === "stopped") {
      const why = this.#stoppedBy?.message ?? "it is opening";
      throw new HoldfastError("ENGINE_UNAVAILABLE", `the engine is stopped: ${why}`);
    }
    return this.#current;
  }

  /** Runs a step and resolves to its result once it is durable. */
  async committed<Result>(step: (core: Core, now: number) => Result): Promise<Result> {
    const life = this.running();
    const result = life.attempt(() => step(life.core, this.#options.clock.now()));
    await life.commits.durable();
    return result;
  }

  /** Fails while the disk has no room for more messages. */
  assertRoom(): void {
    if (this.#state === "running" || this.#state === "stopped") this.#options.space.assertRoom();
  }

  async open(events: EngineEvents): Promise<void> {
    if (this.#state !== "closed") throw new Error(`the engine is ${this.#state}, expected closed`);
    await this.#begin(events);
  }

  /** Begins a life with what the store has. */
  async #begin(events: EngineEvents): Promise<void> {
    const { store, clock, random, space } = this.#options;
    this.#failedMeanwhile = undefined;
    await store.open();
    try {
      await this.#copyOld();
      const { core, removed } = await restoreCore(store, random, clock.now());
      core.begin(clock.now());
      this.#epoch = `${core.life.toString(36)}${Math.floor(random() * 36 ** 5)
        .toString(36)
        .padStart(5, "0")}`;
      await recoverDue(core, store, clock.now(), () => this.#writeOut(core));
      await recoverLogs(core, store, clock, () => this.#writeOut(core));
      await recoverDelays(core, store, clock.now(), () => this.#writeOut(core));
      await this.#writeOut(core);
      await space.check();
      if (this.#state === "closing") throw new HoldfastError("SHUTTING_DOWN", "the engine is closing");
      this.#assertSound();
      const life: Life = new Life(core, this.#options, events, {
        running: () => this.running(),
        failed: (cause) => this.#stop(life, cause),
      });
      this.#current = life;
      this.#state = "running";
      life.begin(removed);
    } catch (error) {
      this.#current = undefined;
      await store.close();
      throw error;
    }
  }

  #assertSound(): void {
    if (this.#failedMeanwhile !== undefined) throw this.#failedMeanwhile.cause;
  }

  /** Keeps a copy of a store of an older format, which the first commit of a life migrates. */
  async #copyOld(): Promise<void> {
    const { store, backups, keepOld } = this.#options;
    const stored = store.get(keys.metaKey);
    const version = stored === undefined ? FORMAT_VERSION : readMeta(stored).version;
    if (version === FORMAT_VERSION) return;
    const backup = await backups.open(version);
    await keepOld(backup).finally(() => backup.close());
  }

  /** A commit of a life that is beginning: nobody uses it yet. */
  async #writeOut(core: Core): Promise<void> {
    const sealed = core.seal(this.#options.clock.now());
    await this.#options.store.write(sealed.writes);
    core.committed(sealed);
  }

  /** Ends the life there is, or the one that is beginning, as a write that fails does. */
  async fail(cause: unknown): Promise<void> {
    if (this.#current === undefined) this.#failedMeanwhile = { cause };
    else await this.#current.fail(cause);
  }

  /** Ends a life after a failure, and opens the store again until that works. */
  async #stop(life: Life, cause: unknown): Promise<void> {
    const { store, space, reclaimer, backups } = this.#options;
    const { core, events } = life;
    this.#state = "stopped";
    this.#current = undefined;
    const error = unknownOutcome(cause);
    this.#stoppedBy = error;
    space.storeFailed(cause);
    const consumers = core.consumerNumbers();
    const sessions = [...core.rooms.catalog.sessions.keys()];
    life.end(error);
    events.onState(error);
    for (const consumer of consumers) events.onDetached(consumer, "engine-restarted");
    for (const session of sessions) events.onSessionEnded(session, "engine-restarted");
    await reclaimer.idle();
    await backups.end();
    await store.close().catch(() => undefined);
    this.#reopenLater(events);
  }

  #reopenLater(events: EngineEvents): void {
    if (this.#state !== "stopped") return;
    const { clock, space } = this.#options;
    this.#cancelReopening = clock.wakeAt(clock.now() + this.#reopenMs, () => {
      this.#reopening = this.#reopen(events);
    });
    this.#reopenMs = Math.min(this.#reopenMs * 2, space.isFull ? REOPEN_FULL_MS_MAX : REOPEN_MS_MAX);
  }

  async #reopen(events: EngineEvents): Promise<void> {
    if (this.#state !== "stopped") return;
    try {
      await this.#begin(events);
    } catch (error) {
      this.#stoppedBy = unknownOutcome(error);
      this.#options.space.openFailed(error);
      this.#reopenLater(events);
      return;
    }
    this.#reopenMs = REOPEN_MS_MIN;
    this.#stoppedBy = undefined;
    events.onState(undefined);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    const { store, reclaimer, backups } = this.#options;
    this.#state = "closing";
    this.#cancelReopening?.();
    try {
      await this.#current?.close();
    } finally {
      this.#current = undefined;
      await this.#reopening;
      await reclaimer.idle();
      await backups.end();
      await store.close();
      this.#state = "closed";
    }
  }
}
