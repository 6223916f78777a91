import type { Clock } from "../clock.js";
import type { SealedCommit } from "../core/commit.js";
import type { Core } from "../core/core.js";
import type { Store } from "../store.js";
import { Deferred } from "./deferred.js";
import { unknownOutcome } from "./unknown-outcome.js";

/** The life that commits are made in. */
export interface CommittingLife {
  readonly isRunning: boolean;
  /** A commit is on disk, and the core shows it. */
  shown(sealed: SealedCommit): void;
  /** A write failed: the life is over. */
  fail(cause: unknown): Promise<void>;
}

/**
 * Makes the commits of a life: the core fills one, it is sealed and written, then its effects show.
 *
 * One commit is being written while the next one fills, so under load a commit carries many operations of many clients
 * (group commit), and an idle engine writes at once. After the first failed write nothing more is written.
 */
export class CommitLoop {
  readonly #core: Core;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #life: CommittingLife;
  /** Resolves when the commit that is being filled is durable. */
  #filling = new Deferred();
  #writing: { readonly deferred: Deferred; readonly done: Promise<void> } | undefined;
  #isScheduled = false;
  #hasFailed = false;
  #isOver = false;

  constructor(core: Core, store: Store, clock: Clock, life: CommittingLife) {
    this.#core = core;
    this.#store = store;
    this.#clock = clock;
    this.#life = life;
  }

  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Resolves once all that was done up to now is durable. */
  durable(): Promise<void> {
    // With nothing new all of it is in the commit under way, and no other one need follow.
    if (this.#writing !== undefined && !this.#core.hasChanges) return this.#writing.deferred.promise;
    const { promise } = this.#filling;
    this.schedule();
    return promise;
  }

  /** As `durable`, but makes no commit for nothing: without a change there is only the one being written to wait for. */
  caughtUp(): Promise<void> {
    if (this.#core.hasChanges) return this.durable();
    return this.#writing?.deferred.promise ?? Promise.resolve();
  }

  /** There is something to be committed, together with what else comes in this turn of the event loop. */
  schedule(): void {
    if (this.#isScheduled || this.#writing !== undefined) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      if (this.#life.isRunning && this.#writing === undefined) void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    const deferred = this.#filling;
    this.#filling = new Deferred();
    const done = new Deferred();
    this.#writing = { deferred, done: done.promise };
    try {
      const sealed = this.#core.seal(this.#clock.now());
      if (sealed.writes.length > 0) await this.#store.write(sealed.writes);
      if (this.#isOver) return;
      this.#writing = undefined;
      this.#core.committed(sealed);
      // What came meanwhile is written while the effects of this commit are shown.
      if (this.#life.isRunning && this.#core.hasChanges) void this.#commit();
      deferred.resolve();
      this.#life.shown(sealed);
    } catch (error) {
      this.#hasFailed = true;
      await this.#life.fail(error);
      deferred.reject(unknownOutcome(error));
    } finally {
      done.resolve();
    }
  }

  /** Makes the last commit of a life that closes: what was done, and that all leases are given back. */
  async close(): Promise<void> {
    await this.#writing?.done;
    if (this.#hasFailed) {
      const error = unknownOutcome(new Error("a write failed while the engine was closing"));
      this.#filling.reject(error);
      throw error;
    }
    this.#core.retire(this.#clock.now());
    const last = this.#filling;
    await this.#commit();
    await last.promise;
  }

  /** The life is over: whoever waits is told that the outcome is not known. */
  end(error: Error): void {
    this.#isOver = true;
    this.#writing?.deferred.reject(error);
    this.#filling.reject(error);
    this.#writing = undefined;
  }
}
