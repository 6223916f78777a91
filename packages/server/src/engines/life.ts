import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { SealedCommit } from "../core/commit.js";
import type { EndedLeases } from "../core/consumer.js";
import type { Core } from "../core/core.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { EngineEvents } from "../engine.js";
import type { Store } from "../store.js";
import { takeAll } from "../take-all.js";
import { Alarm } from "./alarm.js";
import { clearBelow } from "./clear-below.js";
import { CommitLoop } from "./commit-loop.js";
import { Deferred } from "./deferred.js";
import type { DiskSpace } from "./disk-space.js";
import { readAhead } from "./read-ahead.js";
import type { Reclaimer } from "./reclaimer.js";
import { RoomTurns } from "./room-turns.js";
import { Steps } from "./steps.js";
import { endExpired, promoteDue } from "./times.js";
import { unknownOutcome } from "./unknown-outcome.js";

/** What the lives of an engine have in common. */
export interface Surroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly space: DiskSpace;
  readonly reclaimer: Reclaimer;
}

/** The engine that a life is one of. */
export interface LivingEngine {
  /** The life of a running engine; else an error says why not. */
  running(): Life;
  /** The store of its life failed, or its core did something that was not expected. */
  failed(cause: unknown): Promise<void>;
}

/**
 * One life of an engine: a core with the store that it was restored from, until the engine closes or the store fails.
 *
 * Whoever runs a step of the core calls `turned` (or `turnedSoon`) after it, and waits for `commits.durable()` where the
 * step is a promise to somebody.
 */
export class Life {
  readonly core: Core;
  readonly events: EngineEvents;
  readonly commits: CommitLoop;
  readonly rooms: RoomTurns;
  readonly steps: Steps;
  readonly #engine: LivingEngine;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #space: DiskSpace;
  readonly #reclaimer: Reclaimer;
  readonly #alarm: Alarm;
  readonly #guardRead = (read: Promise<void>): void => void this.guard(read);
  #state: "running" | "closing" | "over" = "running";
  /** `turned` is called in the next microtask. */
  #isTurnEnding = false;
  /** Resolves when the next read ahead ends. */
  #readEnded = new Deferred();

  constructor(core: Core, { store, clock, space, reclaimer }: Surroundings, events: EngineEvents, engine: LivingEngine) {
    this.core = core;
    this.events = events;
    this.#engine = engine;
    this.#store = store;
    this.#clock = clock;
    this.#space = space;
    this.#reclaimer = reclaimer;
    this.commits = new CommitLoop(core, store, clock, this);
    this.rooms = new RoomTurns(this, store, clock);
    this.steps = new Steps(this);
    this.#alarm = new Alarm(core, clock, () => this.#wake());
  }

  // --- from its beginning to its end ---------------------------------------------------------------------------

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Goes on with what the life before left undone. `removed`: numbers of queues and rooms that are not cleared yet. */
  begin(removed: readonly number[]): void {
    this.arm();
    for (const number of removed) this.clear(number);
    for (const queue of this.core.catalog.all()) if (queue.purgedBelow > 1) this.clearPurged(queue);
    this.turned();
  }

  /** Confirms what was accepted, and gives all leases back. */
  async close(): Promise<void> {
    this.#state = "closing";
    this.#alarm.stop();
    this.#reclaimer.stop();
    try {
      await this.commits.close();
    } finally {
      this.#state = "over";
    }
  }

  /** The store failed, or the state of the core is not known any more. */
  async fail(cause: unknown): Promise<void> {
    if (this.#state === "running") await this.#engine.failed(cause);
  }

  /** Ends at once; whoever waits for a commit is told `error`. */
  end(error: Error): void {
    this.#state = "over";
    this.#alarm.stop();
    this.#reclaimer.stop();
    this.commits.end(error);
  }

  /** For work in several commits: fails once another life began, or none did. */
  assertCurrent(): void {
    if (this.#engine.running() !== this) throw new HoldfastError("ENGINE_UNAVAILABLE", "the engine was opened again meanwhile");
  }

  // --- steps, and what follows them ----------------------------------------------------------------------------

  /** Runs a step of the core; a surprise in it leaves its state unknown, so the engine stops. */
  attempt<Result>(step: () => Result): Result {
    try {
      return step();
    } catch (error) {
      const expected = error instanceof HoldfastError && error.code !== "ENGINE_UNAVAILABLE";
      if (!expected) void this.fail(error);
      throw expected ? error : unknownOutcome(error);
    }
  }

  /** What every change may ask for: reads ahead, moves of messages in time, a commit, the alarm, and hints. */
  turned(): void {
    readAhead(this.core, this.#store, this.#clock, this.#guardRead);
    this.#keepTime();
    this.rooms.feed();
    if (this.isOver) return;
    if (this.core.hasChanges) this.commits.schedule();
    this.rooms.look();
    this.#hint();
  }

  /** As `turned`, once for all steps made in a row: a hint of many queues leads to a call for each. */
  turnedSoon(): void {
    if (this.#isTurnEnding) return;
    this.#isTurnEnding = true;
    queueMicrotask(() => {
      this.#isTurnEnding = false;
      if (this.isRunning) this.turned();
    });
  }

  /** Moves what is due, and ends what expired. */
  #keepTime(): void {
    const { core } = this;
    if (core.due.size === 0 && core.aging.size === 0) return;
    const [due, aging] = [takeAll(core.due), takeAll(core.aging)];
    for (const queue of due) void this.guard(promoteDue(core, this.#store, queue, this.#clock, this.steps, this.#space));
    for (const queue of aging) void this.guard(endExpired(core, this.#store, queue, this.#clock, this.steps));
  }

  #hint(): void {
    const { core, events } = this;
    const revoked = core.takeRevoked();
    if (core.work.size === 0 && core.freed.size === 0 && revoked.length === 0) return;
    const work = takeAll(core.work);
    const freed = takeAll(core.freed);
    queueMicrotask(() => {
      this.tellRevoked(revoked);
      for (const consumer of freed) events.onCapacity(consumer.number);
      for (const queue of work) if (queue.consumers.size > 0) events.onWork({ namespace: queue.namespace, queue: queue.name });
    });
  }

  tellRevoked(ended: readonly EndedLeases[]): void {
    for (const { consumer, leases } of ended) this.events.onRevoked(consumer.number, leases);
  }

  /** Waits for a read and looks what follows from it; a failed or damaged one stops the engine. */
  async guard(read: Promise<void>): Promise<void> {
    try {
      await read;
      this.#noteReadEnded();
      if (this.isRunning) this.turned();
    } catch (error) {
      this.#noteReadEnded();
      await this.fail(error);
    }
  }

  #noteReadEnded(): void {
    this.#readEnded.resolve();
    this.#readEnded = new Deferred();
  }

  /** Resolves when the next read ahead ends, of whatever queue. */
  readEnded(): Promise<void> {
    return this.#readEnded.promise;
  }

  /** A commit is on disk, and the core shows it. */
  shown(sealed: SealedCommit): void {
    for (const { queue } of sealed.marks) this.#reclaimer.note(queue);
    for (const { room } of sealed.rooms) this.#reclaimer.note(room);
    if (!this.isRunning) return;
    this.turned();
    this.#space.written(sealed.writes);
  }

  // --- deadlines -----------------------------------------------------------------------------------------------

  /** The earliest deadline may be another one. */
  arm(): void {
    this.#alarm.arm();
  }

  #wake(): void {
    if (!this.isRunning) return;
    const { core, events } = this;
    // The first commit with space again lets go on what was due meanwhile.
    core.schedules.held = this.#space.isFull;
    core.rooms.held = this.#space.isFull;
    if (this.#space.isFull) void this.#space.check();
    let expired: readonly EndedLeases[];
    try {
      expired = this.attempt(() => core.wake(this.#clock.now()));
    } catch {
      return; // The engine stopped and said why.
    }
    this.turned();
    for (const queue of core.abandoned) void this.#removeAbandoned(queue);
    for (const { consumer, leases } of expired) events.onExpired(consumer.number, leases, consumer.expiredInARow);
    for (const { queue, name, error } of core.schedules.takeSkipped()) {
      events.onSkipped({ namespace: queue.namespace, queue: queue.name }, name, error);
    }
  }

  async #removeAbandoned(queue: Queue): Promise<void> {
    try {
      await this.remove(queue);
      this.events.onRemoved({ namespace: queue.namespace, queue: queue.name });
    } catch {
      // The engine stopped and said why; the next life looks at the queue again.
    }
  }

  // --- removing ------------------------------------------------------------------------------------------------

  /** Removes a queue with everything in it. */
  async remove(queue: Queue): Promise<void> {
    const consumers = this.attempt(() => this.core.remove(queue));
    let reason: Parameters<EngineEvents["onDetached"]>[1] = "engine-restarted";
    try {
      await this.commits.durable();
      reason = "deleted";
    } finally {
      // The core does not know them any more, so nobody else tells them that this life is over.
      for (const consumer of consumers) this.events.onDetached(consumer.number, reason);
    }
    this.clear(queue.number);
  }

  /** Clears what a removed queue or room left in the store; goes on in the next life. */
  clear(number: number): void {
    void this.guard(this.#clearRanges(number));
  }

  async #clearRanges(number: number): Promise<void> {
    await this.#reclaimer.clear(...keys.contentRanges(number));
    if (this.isRunning) this.core.cleared(number);
  }

  /** Clears what a purge left in the store; goes on in the next life. */
  clearPurged(queue: Queue): void {
    void this.guard(clearBelow(this.core, this.#store, this.#reclaimer, queue, this.steps));
  }
}
