import type { ReceiptRun, SettledRun, SettleRun } from "holdfast-client/protocol";
import type { EngineBackup } from "../backing-up.js";
import type { Clock } from "../clock.js";
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
import { DeadLetters } from "./dead-letters.js";
import { DiskSpace } from "./disk-space.js";
import { Leasing } from "./leasing.js";
import { Lives } from "./lives.js";
import { looked } from "./looked.js";
import { pageOf } from "./page-of.js";
import { peekQueue } from "./peek.js";
import { Reclaimer } from "./reclaimer.js";
import { readSchedules } from "./schedules.js";
import { statsOf } from "./stats.js";
import { StoredBackups } from "./stored-backup.js";
import { StoredRooms } from "./stored-rooms.js";

export interface StoredEngineOptions {
  readonly name: string;
  readonly store: Store;
  readonly clock: Clock;
  /** From 0 (included) to 1 (not): spreads retries, and starts a new store's lives at a number of its own. */
  readonly random: () => number;
  /** Keeps a copy of a store of an older format before it is migrated; the first commit of a life does that. */
  readonly keepOld?: (backup: EngineBackup) => Promise<void>;
  /** Called when messages are refused since the disk is full, and when they are taken again. */
  readonly onDiskFull?: (isFull: boolean) => void;
}

/**
 * An engine made of the core and a store: the core decides, the store makes a commit durable, then the effects show.
 *
 * These are its operations; the way of each through core and store is that of the life it is called in.
 */
export class StoredEngine implements Engine {
  readonly name: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lives: Lives;
  readonly #rooms: StoredRooms;
  readonly #backups: StoredBackups;
  readonly #leasing: Leasing;

  constructor({ name, store, clock, random, keepOld = async () => undefined, onDiskFull = () => undefined }: StoredEngineOptions) {
    const reclaimer = new Reclaimer(store, clock);
    const space = new DiskSpace(store, clock, reclaimer, onDiskFull);
    this.name = name;
    this.#store = store;
    this.#clock = clock;
    this.#backups = new StoredBackups(store, clock);
    this.#lives = new Lives({ store, clock, space, reclaimer, backups: this.#backups, random, keepOld });
    this.#rooms = new StoredRooms(store, clock, this.#lives);
    this.#leasing = new Leasing(this.#lives, clock);
  }

  get epoch(): string {
    return this.#lives.epoch;
  }

  get life(): number {
    return this.#lives.current?.core.life ?? 0;
  }

  open(events: EngineEvents): Promise<void> {
    return this.#lives.open(events);
  }

  /** What is stored turned out to be damaged: the store is closed, and opened again once that works. */
  fail(cause: unknown): Promise<void> {
    return this.#lives.fail(cause);
  }

  close(): Promise<void> {
    return this.#lives.close();
  }

  // --- queues --------------------------------------------------------------------------------------------------

  async define(address: QueueAddress, options: Partial<QueueOptions>): Promise<void> {
    await this.#lives.committed((core, now) => core.define(address, options, now));
  }

  options(address: QueueAddress): QueueOptions | undefined {
    return this.#lives.current?.core.catalog.find(address)?.options;
  }

  async remove(address: QueueAddress): Promise<void> {
    const life = this.#lives.running();
    await life.remove(life.core.catalog.require(address));
  }

  async list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return pageOf(this.#lives.running().core.catalog.names(namespace), after, limit);
  }

  async append(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]> {
    this.#lives.assertRoom();
    const { runs, refused } = await this.#lives.committed((core, now) => core.append(requests, atomic, now));
    if (refused !== undefined) throw refused;
    return runs;
  }

  // --- consumers -----------------------------------------------------------------------------------------------

  async attach(address: QueueAddress, maxInFlight: number): Promise<number> {
    const life = this.#lives.running();
    const consumer = life.core.attach(life.core.catalog.require(address), maxInFlight);
    life.turned();
    return consumer.number;
  }

  capacity(consumer: number): number {
    return this.#lives.current?.core.consumer(consumer)?.capacity ?? 0;
  }

  waiting(consumer: number): number {
    const queue = this.#lives.current?.core.consumer(consumer)?.queue;
    return queue === undefined ? 0 : queue.live - queue.inFlight - queue.delays.count;
  }

  leasesOf(consumer: number): readonly number[] {
    const found = this.#lives.current?.core.consumer(consumer);
    if (found === undefined) return [];
    return [...found.leases.keys(), ...found.irregular.keys()].sort((a, b) => a - b);
  }

  async detach(consumer: number, counted: boolean): Promise<void> {
    const found = this.#lives.running().core.consumer(consumer);
    if (found === undefined) return;
    await this.#lives.committed((core, now) => core.detach(found, counted, now));
  }

  lease(consumer: number, count: number, bytesMax: number, wanted?: number): readonly Leased[] | Promise<readonly Leased[]> {
    return this.#leasing.lease(consumer, count, bytesMax, wanted);
  }

  settle(consumer: number, runs: readonly SettleRun[]): Promise<readonly SettledRun[]> {
    return this.#lives.committed((core, now) => core.settle(core.consumer(consumer), runs, now));
  }

  settleAll(settlements: readonly ConsumerRuns[]): Promise<readonly (readonly SettledRun[])[]> {
    return this.#lives.committed((core, now) => settlements.map(({ consumer, runs }) => core.settle(core.consumer(consumer), runs, now)));
  }

  async unblock(address: QueueAddress, key: string, action: "skip" | "retry"): Promise<void> {
    const queue = this.#lives.running().core.catalog.require(address);
    await this.#lives.committed((core, now) => core.administration.unblock(queue, key, action, now));
  }

  async stats(address: QueueAddress): Promise<QueueStats> {
    const { core, commits } = this.#lives.running();
    return looked(statsOf(core.catalog.require(address), this.#store, this.#clock, () => commits.caughtUp()));
  }

  async peek(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>> {
    const { core, commits } = this.#lives.running();
    return looked(peekQueue(core.catalog.require(address), this.#store, this.#clock, () => commits.caughtUp(), after, limit));
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
    this.#lives.assertRoom();
    const queue = this.#lives.running().core.catalog.require(address);
    return this.#lives.committed((core, now) => core.schedules.set(queue, name, plan, now));
  }

  async unschedule(address: QueueAddress, name: string): Promise<void> {
    const queue = this.#lives.running().core.catalog.require(address);
    await this.#lives.committed((core) => core.schedules.remove(queue, name));
  }

  async schedules(address: QueueAddress, after: string | undefined, limit: number): Promise<Page<StoredSchedule, string>> {
    return looked(readSchedules(this.#store, this.#lives.running().core.catalog.require(address), after, limit));
  }

  // --- administration ------------------------------------------------------------------------------------------

  async backup(): Promise<EngineBackup> {
    this.#lives.running();
    return this.#backups.open();
  }

  async purge(address: QueueAddress): Promise<number> {
    const life = this.#lives.running();
    const queue = life.core.catalog.require(address);
    const { count, ended } = await this.#lives.committed((core) => core.administration.purge(queue));
    life.tellRevoked(ended);
    if (count > 0) life.clearPurged(queue);
    return count;
  }

  async pause(address: QueueAddress): Promise<void> {
    const queue = this.#lives.running().core.catalog.require(address);
    await this.#lives.committed((core) => core.administration.pause(queue));
  }

  async resume(address: QueueAddress): Promise<void> {
    const queue = this.#lives.running().core.catalog.require(address);
    await this.#lives.committed((core) => core.administration.resume(queue));
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
    const { core, steps } = this.#lives.running();
    return new DeadLetters(core, this.#store, this.#clock, core.catalog.require(address), steps);
  }
}
