import { HoldfastError, type ReceiptRun } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import type { Room } from "../core/rooms/room.js";
import { membersPage, roomStatsOf } from "../core/rooms/room-stats.js";
import type { Page } from "../engine.js";
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
import type { Life } from "./life.js";
import type { Lives } from "./lives.js";
import { looked } from "./looked.js";
import { pageOf } from "./page-of.js";
import { readHistory } from "./room-history.js";
import { readLedger } from "./room-ledger.js";
import { StoredWatching } from "./stored-watching.js";

/** The rooms of an engine that is made of the core and a store. */
export class StoredRooms implements RoomEngine {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lives: Lives;
  readonly watching: StoredWatching;
  /** Sessions whose number their caller does not know yet, and those of them that are over already. */
  readonly #attaching = new Set<number>();
  readonly #endedEarly = new Set<number>();

  constructor(store: Store, clock: Clock, lives: Lives) {
    this.#store = store;
    this.#clock = clock;
    this.#lives = lives;
    this.watching = new StoredWatching(store, lives);
  }

  // --- rooms ---------------------------------------------------------------------------------------------------

  async defineRoom(address: RoomAddress, change: RoomOptionsChange): Promise<void> {
    await this.#lives.committed((core, now) => core.rooms.define(address, change, now));
  }

  roomOptions({ namespace, room }: RoomAddress): RoomOptions | undefined {
    return this.#lives.current?.core.rooms.catalog.find(namespace, { room })?.options;
  }

  async removeRoom(address: RoomAddress): Promise<void> {
    const life = this.#lives.running();
    const room = life.core.rooms.catalog.require(address);
    await this.#lives.committed((core) => core.rooms.remove(room));
    life.clear(room.number);
  }

  #require(address: RoomAddress): Room {
    return this.#lives.running().core.rooms.catalog.require(address);
  }

  async listRooms(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    return pageOf(this.#lives.running().core.rooms.catalog.names(namespace), after, limit);
  }

  async roomsOf(namespace: string, user: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    const memberships = this.#lives.running().core.rooms.catalog.user(namespace, user)?.memberships ?? [];
    // An inbox has a user's name, and no room's.
    const names = Array.from(memberships, ({ room }) => room.target.room).filter((name) => name !== undefined);
    return pageOf(names, after, limit);
  }

  async roomStats(address: RoomAddress): Promise<RoomStats> {
    return roomStatsOf(this.#require(address), this.#clock.now());
  }

  async addMember(address: RoomAddress, member: RoomMember): Promise<number> {
    return this.#lives.committed((core, now) => core.rooms.addMember(address, member, now));
  }

  async removeMember({ namespace, room: name }: RoomAddress, member: RoomMember): Promise<void> {
    await this.#lives.committed((core) => {
      const room = core.rooms.catalog.find(namespace, { room: name });
      if (room !== undefined) core.rooms.membership.remove(room, member);
    });
  }

  async members(address: RoomAddress, after: number, limit: number): Promise<Page<RoomMemberInfo, number>> {
    return membersPage(this.#require(address), after, limit);
  }

  async emit(request: EmitRequest): Promise<readonly (readonly ReceiptRun[])[]> {
    this.#lives.assertRoom();
    return this.#lives.committed((core, now) => core.rooms.emit(request, now));
  }

  async ledger(namespace: string, target: RoomTarget, message: RoomMessage, after: number, limit: number): Promise<RoomLedger> {
    const room = this.#lives.running().core.rooms.catalog.requireTarget(namespace, target);
    return looked(readLedger(this.#store, room, message, this.#clock.now(), after, limit));
  }

  async history(address: RoomAddress, user: string, before: number, limit: number): Promise<Page<RoomRecord, number>> {
    return looked(readHistory(this.#store, this.#require(address), user, before, limit, this.#clock.now()));
  }

  // --- sessions ------------------------------------------------------------------------------------------------

  async attachDevice({ namespace, user, device }: DeviceAddress): Promise<number> {
    const life = this.#lives.running();
    const { core } = life;
    const { session, replaced } = life.attempt(() => core.rooms.membership.attach(namespace, user, device, this.#clock.now()));
    const { number } = session;
    if (replaced !== undefined) this.#tellReplaced(life, replaced.number);
    life.rooms.look();
    // What another connection of the device made of it may be on its way to the disk.
    if (!core.hasChanges && !life.commits.isWriting) return number;
    this.#attaching.add(number);
    try {
      await life.commits.durable();
    } finally {
      this.#attaching.delete(number);
      // Told once the caller knows the number.
      if (this.#endedEarly.delete(number)) this.#clock.soon(() => this.#tellReplaced(life, number));
    }
    return number;
  }

  #tellReplaced(life: Life, session: number): void {
    if (this.#attaching.has(session)) this.#endedEarly.add(session);
    else queueMicrotask(() => life.events.onSessionEnded(session, "replaced"));
  }

  async detachDevice(session: number): Promise<void> {
    this.#now((core, now) => core.rooms.detach(session, now), undefined);
  }

  sessionsOf(namespace: string, user: string): readonly RoomSession[] {
    const sessions = this.#lives.current?.core.rooms.catalog.user(namespace, user)?.sessions;
    return sessions === undefined ? [] : Array.from(sessions.values(), ({ number, device }) => ({ session: number, device }));
  }

  async join(session: number, room: string, from: JoinFrom): Promise<number> {
    const sequence = await this.#lives.committed((core, now) => core.rooms.join(session, room, from, now));
    if (sequence === undefined) throw new HoldfastError("NOT_FOUND", `session ${session} is over`);
    return sequence;
  }

  pull(session: number, bytesMax: number): readonly RoomItem[] {
    return this.#now((core, now) => core.rooms.pull(session, bytesMax, now), []);
  }

  isBehind(session: number): boolean {
    return this.#lives.current?.core.rooms.isBehind(session) === true;
  }

  settleRoom(session: number, room: number, runs: readonly RoomSettleRun[]): number {
    return this.#now((core, now) => core.rooms.settle(session, room, runs, now), 0);
  }

  settleGap(session: number, room: number, from: number, to: number): void {
    this.#now((core, now) => core.rooms.settleGap(session, room, from, to, now), undefined);
  }

  /** Runs a step that nothing waits for; without an engine there are no sessions, and it comes to `none`. */
  #now<Result>(step: (core: Core, now: number) => Result, none: Result): Result {
    const life = this.#lives.current;
    if (life === undefined) return none;
    const result = life.attempt(() => step(life.core, this.#clock.now()));
    life.rooms.look();
    return result;
  }
}
