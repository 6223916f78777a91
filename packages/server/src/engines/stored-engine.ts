import { HoldfastError, type ReceiptRun, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import type { EngineBackup } from "../backing-up.js";
import type { Clock } from "../clock.js";
import { FORMAT_VERSION } from "../core/catalog.js";
import type { Chains } from "../core/chains.js";
import type { SealedCommit } from "../core/commit.js";
import type { Consumer, EndedLeases } from "../core/consumer.js";
import type { Core } from "../core/core.js";
import * as keys from "../core/keys.js";
import type { Lease } from "../core/lease.js";
import type { Queue } from "../core/queue.js";
import type { AppendRequest, ConsumerRuns, Engine, EngineEvents, Leased, Page, Peeked, QueueAddress, QueueStats } from "../engine.js";
import type { QueueOptions } from "../options.js";
import type {
  DeviceAddress,
  EmitRequest,
  JoinFrom,
  RoomAddress,
  RoomItem,
  RoomLedger,
  RoomMember,
  RoomMemberInfo,
  RoomMessage,
  RoomRecord,
  RoomSession,
  RoomSettleRun,
  RoomStats,
  RoomTarget,
} from "../room-engine.js";
import type { RoomOptions, RoomOptionsChange } from "../room-options.js";
import type { RoomWatching } from "../room-watching.js";
import type { SchedulePlan, StoredSchedule } from "../scheduling.js";
import type { Store } from "../store.js";
import { takeAll } from "../take-all.js";
import { clearBelow } from "./clear-below.js";
import { type DeadLetterHost, DeadLetters } from "./dead-letters.js";
import { Deferred } from "./deferred.js";
import { looked, messageOf } from "./looked.js";
import { readMeta } from "./meta.js";
import { pageOf } from "./page-of.js";
import { peekQueue } from "./peek.js";
import { fillChain, fillDueList, fillWindow } from "./read-ahead.js";
import { Reclaimer } from "./reclaimer.js";
import { recoverDelays } from "./recover-delays.js";
import { recoverDue } from "./recover-due.js";
import { restoreCore } from "./restore.js";
import { readSchedules } from "./schedules.js";
import { statsOf } from "./stats.js";
import { StoredBackups } from "./stored-backup.js";
import { StoredRooms } from "./stored-rooms.js";
import { endExpired, promoteDue } from "./times.js";

export interface StoredEngineOptions {
  readonly name: string;
  readonly store: Store;
  readonly clock: Clock;
  /** From 0 (included) to 1 (not): spreads retries, and starts a new store's lives at a number of its own. */
  readonly random: () => number;
  /** Keeps a copy of a store of an older format before it is migrated; the first commit of a life does that. */
  readonly keepOld?: (backup: EngineBackup) => Promise<void>;
}

type State = "closed" | "running" | "stopped" | "closing";

const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5_000;
/** How often the free space is asked for while there are commits. */
const SPACE_CHECK_MS = 100;
const SPACE_CHECK_BYTES = 1_048_576;
/** A full disk may have room again at any time, so it is tried more often. */
const REOPEN_FULL_MS_MAX = 1_000;

/**
 * An engine made of the core and a store: the core decides, the store makes a commit durable, then the effects show.
 *
 * One commit is being written while the next one fills, so under load a commit carries many operations of many clients
 * (group commit), and an idle engine writes at once. It is fail-stop: after the first failed write nothing of this life
 * is used any more; the store is opened again with a new core.
 */
export class StoredEngine implements Engine {
  readonly name: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #reclaimer: Reclaimer;
  readonly #rooms: StoredRooms;
  readonly #backups: StoredBackups;
  readonly #keepOld: (backup: EngineBackup) => Promise<void>;
  #state: State = "closed";
  #events: EngineEvents | undefined;
  #core: Core | undefined;
  #epoch = "";
  /** Resolves when the commit that is being filled is durable. */
  #filling = new Deferred();
  #writing: { readonly deferred: Deferred; readonly done: Promise<void> } | undefined;
  #scheduled = false;
  /** `#afterTurn` is called in the next microtask. */
  #isTurnEnding = false;
  /** A write of this life failed: nothing more is written in it. */
  #failed = false;
  /** Resolves when the next read ahead ends. */
  #readEnded = new Deferred();
  /** Leases whose bytes are let go after this turn. */
  #handedOver: (readonly Lease[])[] = [];
  #cancelAlarm: (() => void) | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #stoppedBy: HoldfastError | undefined;
  #reopenMs = REOPEN_MS_MIN;
  #reopening: Promise<void> = Promise.resolve();
  #diskFull = false;
  #spaceCheckedAt = 0;
  #checkingSpace = false;
  /** Bytes committed since then. */
  #bytesSinceCheck = 0;

  constructor(options: StoredEngineOptions) {
    this.name = options.name;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#reclaimer = new Reclaimer(options.store, options.clock);
    this.#keepOld = options.keepOld ?? (async () => undefined);
    this.#backups = new StoredBackups(options.store, options.clock);
    this.#rooms = new StoredRooms(options.store, options.clock, {
      // One that is being restored is not to be touched.
      core: () => (this.#state === "running" || this.#state === "closing" ? this.#core : undefined),
      running: () => this.#running(),
      committed: (step) => this.#committed(step),
      attempt: (core, step) => this.#attempt(core, step),
      durable: () => this.#durable(),
      isWriting: () => this.#writing !== undefined,
      changed: () => this.#schedule(),
      arm: (core) => this.#arm(core),
      guard: (core, read) => this.#guard(core, read),
      assertSpace: () => this.#assertSpace(),
      clear: (number) => void this.#clear(number),
      events: () => this.#events,
    });
  }

  get epoch(): string {
    return this.#epoch;
  }

  get life(): number {
    return this.#core?.life ?? 0;
  }

  // --- life ----------------------------------------------------------------------------------------------------

  async open(events: EngineEvents): Promise<void> {
    if (this.#state !== "closed") throw new Error(`the engine is ${this.#state}, expected closed`);
    this.#events = events;
    await this.#start();
  }

  async #start(): Promise<void> {
    await this.#store.open();
    try {
      this.#failed = false;
      await this.#copyOld();
      const { core, removed } = await restoreCore(this.#store, this.#random, this.#clock.now());
      core.begin(this.#clock.now());
      this.#core = core;
      this.#epoch = `${core.life.toString(36)}${Math.floor(this.#random() * 36 ** 5)
        .toString(36)
        .padStart(5, "0")}`;
      await recoverDue(core, this.#store, this.#clock.now(), () => this.#writeOut(core));
      await recoverDelays(core, this.#store, this.#clock.now(), () => this.#writeOut(core));
      await this.#writeOut(core);
      await this.#checkSpace();
      if (this.#state === "closing") throw new HoldfastError("SHUTTING_DOWN", "the engine is closing");
      this.#state = "running";
      this.#arm(core);
      for (const number of removed) void this.#clear(number);
      for (const queue of core.catalog.all()) if (queue.purgedBelow > 1) void this.#clearPurged(core, queue);
      this.#afterTurn(core);
    } catch (error) {
      this.#core = undefined;
      await this.#store.close();
      throw error;
    }
  }

  async #copyOld(): Promise<void> {
    const stored = this.#store.get(keys.metaKey);
    const version = stored === undefined ? FORMAT_VERSION : readMeta(stored).version;
    if (version === FORMAT_VERSION) return;
    const backup = await this.#backups.open(version);
    await this.#keepOld(backup).finally(() => backup.close());
  }

  /** A commit of a life that is beginning: nobody uses it yet. */
  async #writeOut(core: Core): Promise<void> {
    const sealed = core.seal(this.#clock.now());
    await this.#store.write(sealed.writes);
    core.committed(sealed);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    const wasRunning = this.#state === "running";
    this.#state = "closing";
    this.#cancelAlarm?.();
    this.#alarmAt = Number.POSITIVE_INFINITY;
    this.#reclaimer.stop();
    try {
      if (wasRunning) await this.#lastCommit();
    } finally {
      this.#core = undefined;
      await this.#reopening;
      await this.#reclaimer.idle();
      await this.#backups.end();
      await this.#store.close();
      this.#state = "closed";
    }
  }

  async #lastCommit(): Promise<void> {
    await this.#writing?.done;
    if (this.#failed) {
      const error = unknownOutcome(new Error("a write failed while the engine was closing"));
      this.#filling.reject(error);
      throw error;
    }
    this.#core?.retire(this.#clock.now());
    const last = this.#filling;
    await this.#commit();
    await last.promise;
  }

  /** The core of a running engine. */
  #running(): Core {
    if (this.#state === "closing" || this.#state === "closed") throw new HoldfastError("SHUTTING_DOWN", "the engine is closing");
    if (this.#core === undefined || this.#state === "stopped") {
      const why = this.#stoppedBy?.message ?? "it is opening";
      throw new HoldfastError("ENGINE_UNAVAILABLE", `the engine is stopped: ${why}`);
    }
    return this.#core;
  }

  /** Ends this life after a failure of the store, and opens it again until that works. */
  async #stop(cause: unknown): Promise<void> {
    if (this.#state !== "running") return;
    this.#state = "stopped";
    const error = unknownOutcome(cause);
    this.#stoppedBy = error;
    this.#diskFull = isDiskFull(cause);
    this.#cancelAlarm?.();
    this.#alarmAt = Number.POSITIVE_INFINITY;
    const consumers = this.#core?.consumerNumbers() ?? [];
    const sessions = [...(this.#core?.rooms.catalog.sessions.keys() ?? [])];
    this.#core = undefined;
    this.#writing?.deferred.reject(error);
    this.#filling.reject(error);
    this.#filling = new Deferred();
    this.#writing = undefined;
    this.#reclaimer.stop();
    this.#events?.onState(error);
    for (const consumer of consumers) this.#events?.onDetached(consumer, "engine-restarted");
    for (const session of sessions) this.#events?.onSessionEnded(session, "engine-restarted");
    await this.#reclaimer.idle();
    await this.#backups.end();
    await this.#store.close().catch(() => undefined);
    this.#reopenLater();
  }

  #reopenLater(): void {
    if (this.#state !== "stopped") return;
    this.#cancelAlarm = this.#clock.wakeAt(this.#clock.now() + this.#reopenMs, () => {
      this.#reopening = this.#reopen();
    });
    this.#reopenMs = Math.min(this.#reopenMs * 2, this.#diskFull ? REOPEN_FULL_MS_MAX : REOPEN_MS_MAX);
  }

  async #reopen(): Promise<void> {
    if (this.#state !== "stopped") return;
    try {
      await this.#start();
    } catch (error) {
      this.#stoppedBy = unknownOutcome(error);
      this.#diskFull ||= isDiskFull(error);
      this.#reopenLater();
      return;
    }
    this.#reopenMs = REOPEN_MS_MIN;
    this.#stoppedBy = undefined;
    this.#events?.onState(undefined);
  }

  // --- commits -------------------------------------------------------------------------------------------------

  /** Resolves once all that was done up to now is durable. */
  #durable(): Promise<void> {
    // With nothing new all of it is in the commit under way, and no other one need follow.
    if (this.#writing !== undefined && this.#core?.hasChanges === false) return this.#writing.deferred.promise;
    const { promise } = this.#filling;
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      if (this.#state === "running" && this.#writing === undefined) void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    const core = this.#core;
    if (core === undefined) return;
    const deferred = this.#filling;
    this.#filling = new Deferred();
    const done = new Deferred();
    this.#writing = { deferred, done: done.promise };
    try {
      const sealed = core.seal(this.#clock.now());
      if (sealed.writes.length > 0) await this.#store.write(sealed.writes);
      if (this.#core !== core) return;
      this.#writing = undefined;
      core.committed(sealed);
      // What came meanwhile is written while the effects of this commit are shown.
      if (this.#state === "running" && core.hasChanges) void this.#commit();
      this.#shown(core, sealed, deferred);
    } catch (error) {
      this.#failed = true;
      if (this.#core === core) await this.#stop(error);
      deferred.reject(unknownOutcome(error));
    } finally {
      done.resolve();
    }
  }

  #shown(core: Core, sealed: SealedCommit, deferred: Deferred): void {
    deferred.resolve();
    for (const { queue } of sealed.marks) this.#reclaimer.note(queue);
    for (const { room } of sealed.rooms) this.#reclaimer.note(room);
    if (this.#state === "running") {
      this.#afterTurn(core);
      if (core.hasChanges) this.#schedule();
      for (const { value } of sealed.writes) this.#bytesSinceCheck += value?.length ?? 0;
      void this.#checkSpace();
    }
  }

  /** What every change may ask for: reads ahead, hints of work, and the alarm for the next deadline. */
  #afterTurn(core: Core): void {
    for (const queue of takeAll(core.wanting)) {
      if (queue.readsAhead && queue.wantsLog !== undefined && core.loader.fillBytes(queue) > 0)
        void this.#guard(core, fillWindow(core, this.#store, queue, this.#clock));
      if (queue.levels.needsLoading && queue.leftMeanwhile === undefined && queue.readsAhead) this.#fillDueLists(core, queue);
      if (queue.chains !== undefined && queue.leftMeanwhile === undefined && queue.consumers.size > 0)
        this.#fillChains(core, queue, queue.chains);
    }
    this.#keepTime(core);
    this.#rooms.turned(core);
    this.#arm(core);
    const revoked = core.takeRevoked();
    if (core.work.size === 0 && core.freed.size === 0 && revoked.length === 0) return;
    const work = takeAll(core.work);
    const freed = takeAll(core.freed);
    queueMicrotask(() => {
      for (const { consumer, leases } of revoked) this.#events?.onRevoked(consumer.number, leases);
      for (const consumer of freed) this.#events?.onCapacity(consumer.number);
      for (const queue of work) if (queue.consumers.size > 0) this.#events?.onWork({ namespace: queue.namespace, queue: queue.name });
    });
  }

  /** As `#afterTurn`, once for all calls made in a row: a hint of many queues leads to a call for each. */
  #afterTurnSoon(core: Core): void {
    if (this.#isTurnEnding) return;
    this.#isTurnEnding = true;
    queueMicrotask(() => {
      this.#isTurnEnding = false;
      if (this.#core !== core || this.#state !== "running") return;
      this.#afterTurn(core);
      if (core.hasChanges) this.#schedule();
    });
  }

  #fillDueLists(core: Core, queue: Queue): void {
    for (const list of queue.levels.lists) {
      if (list.needsLoading && !list.reading) void this.#guard(core, fillDueList(core, this.#store, queue, list));
    }
  }

  /** Moves what is due, and ends what expired. */
  #keepTime(core: Core): void {
    if (core.due.size === 0 && core.aging.size === 0) return;
    const [due, aging] = [takeAll(core.due), takeAll(core.aging)];
    const diskFull = (): boolean => {
      void this.#checkSpace();
      return this.#diskFull;
    };
    const host = { ...this.#hostOf(core), diskFull };
    for (const queue of due) void this.#guard(core, promoteDue(core, this.#store, queue, this.#clock, host));
    for (const queue of aging) void this.#guard(core, endExpired(core, this.#store, queue, this.#clock, host));
  }

  #fillChains(core: Core, queue: Queue, chains: Chains): void {
    for (const chain of takeAll(chains.wanting)) void this.#guard(core, fillChain(core, this.#store, queue, chain, this.#clock));
  }

  /** Waits for a read; a failed or damaged one stops the engine. */
  async #guard(core: Core, read: Promise<void>): Promise<void> {
    try {
      await read;
      this.#noteReadEnded();
      if (this.#core !== core || this.#state !== "running") return;
      this.#afterTurn(core);
      if (core.hasChanges) this.#schedule();
    } catch (error) {
      this.#noteReadEnded();
      if (this.#core === core) await this.#stop(error);
    }
  }

  #noteReadEnded(): void {
    this.#readEnded.resolve();
    this.#readEnded = new Deferred();
  }

  #arm(core: Core): void {
    const at = core.nextWake ?? Number.POSITIVE_INFINITY;
    if (at >= this.#alarmAt) return;
    this.#cancelAlarm?.();
    this.#alarmAt = at;
    this.#cancelAlarm = this.#clock.wakeAt(at, () => this.#wake(core));
  }

  #wake(core: Core): void {
    // It rang, whatever comes of it: another one may be set.
    if (this.#core === core) this.#alarmAt = Number.POSITIVE_INFINITY;
    if (this.#core !== core || this.#state !== "running") return;
    // The first commit with space again lets go on what was due meanwhile.
    core.schedules.held = this.#diskFull;
    core.rooms.held = this.#diskFull;
    if (this.#diskFull) void this.#checkSpace();
    let expired: readonly EndedLeases[];
    try {
      expired = this.#attempt(core, () => core.wake(this.#clock.now()));
    } catch {
      return; // The engine stopped and said why.
    }
    this.#afterTurn(core);
    if (core.hasChanges) this.#schedule();
    for (const queue of core.abandoned) void this.#removeAbandoned(queue);
    for (const { consumer, leases } of expired) this.#events?.onExpired(consumer.number, leases, consumer.expiredInARow);
    for (const { queue, name, error } of core.schedules.takeSkipped()) {
      this.#events?.onSkipped({ namespace: queue.namespace, queue: queue.name }, name, error);
    }
  }

  async #removeAbandoned({ namespace, name }: Queue): Promise<void> {
    const address = { namespace, queue: name };
    try {
      await this.remove(address);
      this.#events?.onRemoved(address);
    } catch {
      // The engine stopped and said why; the next life looks at the queue again.
    }
  }

  /** Runs a step of the core; a surprise in it leaves its state unknown, so the engine stops. */
  #attempt<Result>(core: Core, step: () => Result): Result {
    try {
      return step();
    } catch (error) {
      const expected = error instanceof HoldfastError && error.code !== "ENGINE_UNAVAILABLE";
      if (!expected && this.#core === core) void this.#stop(error);
      throw expected ? error : unknownOutcome(error);
    }
  }

  /** Runs a step and resolves to its result once it is durable. */
  async #committed<Result>(step: (core: Core, now: number) => Result): Promise<Result> {
    const core = this.#running();
    const result = this.#attempt(core, () => step(core, this.#clock.now()));
    await this.#durable();
    return result;
  }

  async #checkSpace(): Promise<void> {
    const now = this.#clock.now();
    const due = now >= this.#spaceCheckedAt + SPACE_CHECK_MS || this.#bytesSinceCheck >= SPACE_CHECK_BYTES;
    if (this.#checkingSpace || !(due || this.#diskFull)) return;
    this.#checkingSpace = true;
    this.#spaceCheckedAt = now;
    this.#bytesSinceCheck = 0;
    try {
      this.#diskFull = (await this.#store.spareBytes()) < 0;
      if (this.#diskFull) this.#reclaimer.urge();
    } catch {
      // The directory cannot be asked just now; the next write tells.
    } finally {
      this.#checkingSpace = false;
    }
  }

  // --- operations ----------------------------------------------------------------------------------------------

  async define(address: QueueAddress, options: Partial<QueueOptions>): Promise<void> {
    await this.#committed((core, now) => core.define(address, options, now));
  }

  options(address: QueueAddress): QueueOptions | undefined {
    return this.#core?.catalog.find(address)?.options;
  }

  async remove(address: QueueAddress): Promise<void> {
    const core = this.#running();
    const queue = core.catalog.require(address);
    const consumers = await this.#committed(() => core.remove(queue));
    for (const consumer of consumers) this.#events?.onDetached(consumer.number, "deleted");
    void this.#clear(queue.number);
  }

  /** Clears what a removed queue left; goes on after a restart. */
  async #clear(number: number): Promise<void> {
    const core = this.#core;
    if (core === undefined) return;
    await this.#guard(core, this.#clearRanges(core, number));
  }

  async #clearRanges(core: Core, number: number): Promise<void> {
    for (const { from, to } of keys.contentRanges(number)) {
      if (this.#core !== core || this.#state !== "running") return;
      await this.#reclaimer.clear(from, to);
    }
    core.cleared(number);
  }

  async list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return pageOf(this.#running().catalog.names(namespace), after, limit);
  }

  async append(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]> {
    this.#assertSpace();
    const { runs, refused } = await this.#committed((core, now) => core.append(requests, atomic, now));
    if (refused !== undefined) throw refused;
    return runs;
  }

  #assertSpace(): void {
    const serving = this.#state === "running" || this.#state === "stopped";
    if (!this.#diskFull || !serving) return;
    void this.#checkSpace();
    throw new HoldfastError("DISK_FULL", "the disk has too little space left to store messages; consumers go on");
  }

  async attach(address: QueueAddress, maxInFlight: number): Promise<number> {
    const core = this.#running();
    const consumer = core.attach(core.catalog.require(address), maxInFlight);
    this.#afterTurn(core);
    return consumer.number;
  }

  capacity(consumer: number): number {
    return this.#core?.consumer(consumer)?.capacity ?? 0;
  }

  leasesOf(consumer: number): readonly number[] {
    const found = this.#core?.consumer(consumer);
    if (found === undefined) return [];
    return [...found.leases.keys(), ...found.irregular.keys()].sort((a, b) => a - b);
  }

  async detach(consumer: number, counted: boolean): Promise<void> {
    const found = this.#running().consumer(consumer);
    if (found === undefined) return;
    await this.#committed((core, now) => core.detach(found, counted, now));
  }

  lease(consumer: number, count: number, bytesMax: number, wanted?: number): readonly Leased[] | Promise<readonly Leased[]> {
    const core = this.#running();
    const found = core.consumer(consumer);
    if (found === undefined) return [];
    const { leases, wait } = this.#attempt(core, () => core.lease(found, count, bytesMax, this.#clock.now(), wanted));
    this.#afterTurnSoon(core);
    if (core.hasChanges) this.#schedule();
    if (!wait) {
      if (leases.length > 0) this.#letGoLater(leases);
      return leases;
    }
    return this.#heldOnceDurable(core, found, leases);
  }

  async #heldOnceDurable(core: Core, found: Consumer, leases: readonly Lease[]): Promise<readonly Leased[]> {
    await this.#durable();
    if (core.consumer(found.number) !== found) return [];
    // Meanwhile some may have ended.
    const held = leases.filter(({ lease }) => found.has(lease));
    this.#letGoLater(leases);
    if (held.length < leases.length) {
      // It came back short though there may be more.
      core.work.add(found.queue);
      this.#afterTurn(core);
    }
    return held;
  }

  /** Whoever leased reads the bytes in this turn; after it the leases need not keep them in memory. */
  #letGoLater(leases: readonly Lease[]): void {
    if (this.#handedOver.length === 0) this.#clock.soon(() => this.#letGo());
    this.#handedOver.push(leases);
  }

  #letGo(): void {
    const handedOver = this.#handedOver;
    this.#handedOver = [];
    for (const leases of handedOver) for (const lease of leases) lease.held = undefined;
  }

  settle(consumer: number, runs: readonly SettleRun[]): Promise<readonly SettledRun[]> {
    return this.#committed((core, now) => core.settle(core.consumer(consumer), runs, now));
  }

  settleAll(settlements: readonly ConsumerRuns[]): Promise<readonly (readonly SettledRun[])[]> {
    return this.#committed((core, now) => settlements.map(({ consumer, runs }) => core.settle(core.consumer(consumer), runs, now)));
  }

  async backup(): Promise<EngineBackup> {
    this.#running();
    return this.#backups.open();
  }

  async unblock(address: QueueAddress, key: string, action: "skip" | "retry"): Promise<void> {
    const queue = this.#running().catalog.require(address);
    await this.#committed((core, now) => core.administration.unblock(queue, key, action, now));
  }

  async stats(address: QueueAddress): Promise<QueueStats> {
    return looked(statsOf(this.#running().catalog.require(address), this.#store, this.#clock.now()));
  }

  async peek(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>> {
    const queue: Queue = this.#running().catalog.require(address);
    return looked(peekQueue(queue, this.#store, this.#clock.now(), after, limit));
  }

  // --- rooms ---------------------------------------------------------------------------------------------------

  get watching(): RoomWatching {
    return this.#rooms.watching;
  }

  defineRoom(address: RoomAddress, change: RoomOptionsChange): Promise<void> {
    return this.#rooms.defineRoom(address, change);
  }

  roomOptions(address: RoomAddress): RoomOptions | undefined {
    return this.#rooms.roomOptions(address);
  }

  removeRoom(address: RoomAddress): Promise<void> {
    return this.#rooms.removeRoom(address);
  }

  listRooms(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return this.#rooms.listRooms(namespace, after, limit);
  }

  roomsOf(namespace: string, user: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return this.#rooms.roomsOf(namespace, user, after, limit);
  }

  roomStats(address: RoomAddress): Promise<RoomStats> {
    return this.#rooms.roomStats(address);
  }

  addMember(address: RoomAddress, member: RoomMember): Promise<number> {
    return this.#rooms.addMember(address, member);
  }

  removeMember(address: RoomAddress, member: RoomMember): Promise<void> {
    return this.#rooms.removeMember(address, member);
  }

  members(address: RoomAddress, after: number, limit: number): Promise<Page<RoomMemberInfo, number>> {
    return this.#rooms.members(address, after, limit);
  }

  emit(request: EmitRequest): Promise<readonly (readonly ReceiptRun[])[]> {
    return this.#rooms.emit(request);
  }

  attachDevice(address: DeviceAddress): Promise<number> {
    return this.#rooms.attachDevice(address);
  }

  detachDevice(session: number): Promise<void> {
    return this.#rooms.detachDevice(session);
  }

  sessionsOf(namespace: string, user: string): readonly RoomSession[] {
    return this.#rooms.sessionsOf(namespace, user);
  }

  join(session: number, room: string, from: JoinFrom): Promise<number> {
    return this.#rooms.join(session, room, from);
  }

  pull(session: number, bytesMax: number): readonly RoomItem[] {
    return this.#rooms.pull(session, bytesMax);
  }

  isBehind(session: number): boolean {
    return this.#rooms.isBehind(session);
  }

  settleRoom(session: number, room: number, runs: readonly RoomSettleRun[]): number {
    return this.#rooms.settleRoom(session, room, runs);
  }

  settleGap(session: number, room: number, from: number, to: number): void {
    this.#rooms.settleGap(session, room, from, to);
  }

  ledger(namespace: string, target: RoomTarget, message: RoomMessage, after: number, limit: number): Promise<RoomLedger> {
    return this.#rooms.ledger(namespace, target, message, after, limit);
  }

  history(address: RoomAddress, user: string, before: number, limit: number): Promise<Page<RoomRecord, number>> {
    return this.#rooms.history(address, user, before, limit);
  }

  // --- schedules -----------------------------------------------------------------------------------------------

  async schedule(address: QueueAddress, name: string, plan: SchedulePlan): Promise<number> {
    this.#assertSpace();
    const queue = this.#running().catalog.require(address);
    return this.#committed((core, now) => core.schedules.set(queue, name, plan, now));
  }

  async unschedule(address: QueueAddress, name: string): Promise<void> {
    const queue = this.#running().catalog.require(address);
    await this.#committed((core) => core.schedules.remove(queue, name));
  }

  async schedules(address: QueueAddress, after: string | undefined, limit: number): Promise<Page<StoredSchedule, string>> {
    return looked(readSchedules(this.#store, this.#running().catalog.require(address), after, limit));
  }

  // --- administration ------------------------------------------------------------------------------------------

  async purge(address: QueueAddress): Promise<number> {
    const core = this.#running();
    const queue = core.catalog.require(address);
    const { count, ended } = await this.#committed(() => core.administration.purge(queue));
    this.#tellPurged(ended);
    if (count > 0) void this.#clearPurged(core, queue);
    return count;
  }

  #tellPurged(ended: readonly EndedLeases[]): void {
    for (const { consumer, leases } of ended) this.#events?.onRevoked(consumer.number, leases);
  }

  async #clearPurged(core: Core, queue: Queue): Promise<void> {
    await this.#guard(core, clearBelow(core, this.#store, this.#reclaimer, queue, this.#hostOf(core)));
  }

  async pause(address: QueueAddress): Promise<void> {
    const queue = this.#running().catalog.require(address);
    await this.#committed((core) => core.administration.pause(queue));
  }

  async resume(address: QueueAddress): Promise<void> {
    const queue = this.#running().catalog.require(address);
    await this.#committed((core) => core.administration.resume(queue));
  }

  async deadLetters(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>> {
    return looked(this.#deadLettersOf(address).page(after, limit));
  }

  async redrive(address: QueueAddress, ids: readonly string[] | undefined): Promise<number> {
    return this.#deadLettersOf(address).redrive(ids);
  }

  async purgeDeadLetters(address: QueueAddress): Promise<number> {
    return this.#deadLettersOf(address).purge();
  }

  #deadLettersOf(address: QueueAddress): DeadLetters {
    const core = this.#running();
    return new DeadLetters(core, this.#store, this.#clock, core.catalog.require(address), this.#hostOf(core));
  }

  /** What work in several commits asks of this engine; it fails once the life it began in is over. */
  #hostOf(core: Core): DeadLetterHost {
    const sameLife = (): void => {
      if (this.#running() !== core) throw new HoldfastError("ENGINE_UNAVAILABLE", "the engine was opened again meanwhile");
    };
    return {
      run: (step) => {
        sameLife();
        return this.#attempt(core, step);
      },
      durable: async () => {
        sameLife();
        // A commit is only made for a change, so without one there is none to wait for but the one being written.
        if (core.hasChanges) await this.#durable();
        else await this.#writing?.deferred.promise;
      },
      readEnded: () => this.#readEnded.promise,
      looked: (queue) => {
        if (this.#core !== core || this.#state !== "running") return;
        core.wanting.add(queue);
        this.#afterTurn(core);
      },
      failed: async (error) => {
        if (this.#core === core) await this.#stop(error);
      },
      purged: (ended) => this.#tellPurged(ended),
    };
  }
}

const isDiskFull = (cause: unknown): boolean => /No space left on device|ENOSPC/.test(messageOf(cause));

const unknownOutcome = (cause: unknown): HoldfastError =>
  new HoldfastError("UNKNOWN", `the store failed, so whether this was stored is not known: ${messageOf(cause)}`);
