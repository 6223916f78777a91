import { HoldfastError, type ReceiptRun } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import type { Room } from "../core/rooms/room.js";
import { membersPage, roomStatsOf } from "../core/rooms/room-stats.js";
import type { EngineEvents, Page } from "../engine.js";
import type {
  DeviceAddress,
  EmitRequest,
  JoinFrom,
  RoomAddress,
  RoomEngine,
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
import type { Store } from "../store.js";
import { takeAll } from "../take-all.js";
import { looked } from "./looked.js";
import { pageOf } from "./page-of.js";
import { readHistory } from "./room-history.js";
import { readLedger } from "./room-ledger.js";
import { RoomReader } from "./room-reader.js";
import { StoredWatching } from "./stored-watching.js";

/** What rooms ask of the engine that they are part of. */
export interface RoomsHost {
  core(): Core | undefined;
  /** The core of a running engine; else an error says why not. */
  running(): Core;
  /** Runs a step and resolves to its result once that is durable. */
  committed<Result>(step: (core: Core, now: number) => Result): Promise<Result>;
  attempt<Result>(core: Core, step: () => Result): Result;
  durable(): Promise<void>;
  /** A commit is under way. */
  isWriting(): boolean;
  /** There is something to be committed. */
  changed(): void;
  arm(core: Core): void;
  guard(core: Core, read: Promise<void>): Promise<void>;
  assertSpace(): void;
  clear(number: number): void;
  events(): EngineEvents | undefined;
}

/** The rooms of an engine that is made of the core and a store. */
export class StoredRooms implements RoomEngine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #host: RoomsHost;
  #reader: { readonly core: Core; readonly reader: RoomReader } | undefined;
  readonly watching: StoredWatching;
  /** Sessions are to be hinted at soon, and news to be told. */
  #hinting = false;
  #telling = false;
  /** Sessions whose number their caller does not know yet, and those of them that are over already. */
  readonly #attaching = new Set<number>();
  readonly #endedEarly = new Set<number>();

  constructor(store: Store, clock: Clock, host: RoomsHost) {
    this.#store = store;
    this.#clock = clock;
    this.#host = host;
    this.watching = new StoredWatching(store, host);
  }

  // --- turns ---------------------------------------------------------------------------------------------------

  /** What every change may ask for: to feed queues, to read, and to hint. */
  turned(core: Core): void {
    try {
      this.#host.attempt(core, () => core.rooms.feed(this.#clock.now()));
    } catch {
      return; // The engine stopped and said why.
    }
    if (core.hasChanges) this.#host.changed();
    this.#look(core);
  }

  #look(core: Core): void {
    if (core.rooms.deliveries.wanting.size > 0) this.#readerOf(core).pump();
    this.#host.arm(core);
    this.#hint(core);
    this.#tell(core);
  }

  /** What watched rooms have news of is told together. */
  #tell(core: Core): void {
    const { news } = core.rooms;
    if (news.isEmpty || this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.#host.core() === core) this.#host.events()?.onRoomNews(news.take());
    });
  }

  #hint(core: Core): void {
    const { work } = core.rooms.deliveries;
    if (work.size === 0 || this.#hinting) return;
    this.#hinting = true;
    queueMicrotask(() => {
      this.#hinting = false;
      if (this.#host.core() !== core) return;
      const sessions = takeAll(work);
      if (sessions.length > 0) this.#host.events()?.onRoomWork(sessions);
    });
  }

  #readerOf(core: Core): RoomReader {
    if (this.#reader?.core !== core) {
      const reader = new RoomReader(this.#store, core.rooms, (read) => void this.#host.guard(core, read));
      this.#reader = { core, reader };
    }
    return this.#reader.reader;
  }

  // --- rooms ---------------------------------------------------------------------------------------------------

  async defineRoom(address: RoomAddress, change: RoomOptionsChange): Promise<void> {
    await this.#host.committed((core, now) => core.rooms.define(address, change, now));
  }

  roomOptions({ namespace, room }: RoomAddress): RoomOptions | undefined {
    return this.#host.core()?.rooms.catalog.find(namespace, { room })?.options;
  }

  async removeRoom(address: RoomAddress): Promise<void> {
    const room = this.#require(address);
    await this.#host.committed((core) => core.rooms.remove(room));
    this.#host.clear(room.number);
  }

  #require(address: RoomAddress): Room {
    return this.#host.running().rooms.catalog.require(address);
  }

  async listRooms(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return pageOf(this.#host.running().rooms.catalog.names(namespace), after, limit);
  }

  async roomsOf(namespace: string, user: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    const memberships = this.#host.running().rooms.catalog.user(namespace, user)?.memberships ?? [];
    // An inbox has a user's name, and no room's.
    const names = Array.from(memberships, ({ room }) => room.target.room).filter((name) => name !== undefined);
    return pageOf(names, after, limit);
  }

  async roomStats(address: RoomAddress): Promise<RoomStats> {
    return roomStatsOf(this.#require(address), this.#clock.now());
  }

  async addMember(address: RoomAddress, member: RoomMember): Promise<number> {
    return this.#host.committed((core, now) => core.rooms.addMember(address, member, now));
  }

  async removeMember({ namespace, room: name }: RoomAddress, member: RoomMember): Promise<void> {
    await this.#host.committed((core) => {
      const room = core.rooms.catalog.find(namespace, { room: name });
      if (room !== undefined) core.rooms.membership.remove(room, member);
    });
  }

  async members(address: RoomAddress, after: number, limit: number): Promise<Page<RoomMemberInfo, number>> {
    return membersPage(this.#require(address), after, limit);
  }

  async emit(request: EmitRequest): Promise<readonly (readonly ReceiptRun[])[]> {
    this.#host.assertSpace();
    return this.#host.committed((core, now) => core.rooms.emit(request, now));
  }

  async ledger(namespace: string, target: RoomTarget, message: RoomMessage, after: number, limit: number): Promise<RoomLedger> {
    const room = this.#host.running().rooms.catalog.requireTarget(namespace, target);
    return looked(readLedger(this.#store, room, message, this.#clock.now(), after, limit));
  }

  async history(address: RoomAddress, user: string, before: number, limit: number): Promise<Page<RoomRecord, number>> {
    return looked(readHistory(this.#store, this.#require(address), user, before, limit, this.#clock.now()));
  }

  // --- sessions ------------------------------------------------------------------------------------------------

  async attachDevice({ namespace, user, device }: DeviceAddress): Promise<number> {
    const core = this.#host.running();
    const { rooms } = core;
    const { session, replaced } = this.#host.attempt(core, () => rooms.membership.attach(namespace, user, device, this.#clock.now()));
    const { number } = session;
    if (replaced !== undefined) this.#tellReplaced(replaced.number);
    this.#look(core);
    // What another connection of the device made of it may be on its way to the disk.
    if (!core.hasChanges && !this.#host.isWriting()) return number;
    this.#attaching.add(number);
    try {
      await this.#host.durable();
    } finally {
      this.#attaching.delete(number);
      // Told once the caller knows the number.
      if (this.#endedEarly.delete(number)) this.#clock.soon(() => this.#tellReplaced(number));
    }
    return number;
  }

  #tellReplaced(session: number): void {
    if (this.#attaching.has(session)) this.#endedEarly.add(session);
    else queueMicrotask(() => this.#host.events()?.onSessionEnded(session, "replaced"));
  }

  async detachDevice(session: number): Promise<void> {
    this.#now((core, now) => core.rooms.detach(session, now), undefined);
  }

  sessionsOf(namespace: string, user: string): readonly RoomSession[] {
    const sessions = this.#host.core()?.rooms.catalog.user(namespace, user)?.sessions;
    return sessions === undefined ? [] : Array.from(sessions.values(), ({ number, device }) => ({ session: number, device }));
  }

  async join(session: number, room: string, from: JoinFrom): Promise<number> {
    const sequence = await this.#host.committed((core, now) => core.rooms.join(session, room, from, now));
    if (sequence === undefined) throw new HoldfastError("NOT_FOUND", `session ${session} is over`);
    return sequence;
  }

  pull(session: number, bytesMax: number): readonly RoomItem[] {
    return this.#now((core, now) => core.rooms.pull(session, bytesMax, now), []);
  }

  isBehind(session: number): boolean {
    return this.#host.core()?.rooms.isBehind(session) === true;
  }

  settleRoom(session: number, room: number, runs: readonly RoomSettleRun[]): number {
    return this.#now((core, now) => core.rooms.settle(session, room, runs, now), 0);
  }

  settleGap(session: number, room: number, from: number, to: number): void {
    this.#now((core, now) => core.rooms.settleGap(session, room, from, to, now), undefined);
  }

  /** Runs a step that nothing waits for; without an engine there are no sessions, and it comes to `none`. */
  #now<Result>(step: (core: Core, now: number) => Result, none: Result): Result {
    const core = this.#host.core();
    if (core === undefined) return none;
    const result = this.#host.attempt(core, () => step(core, this.#clock.now()));
    this.#look(core);
    return result;
  }
}
