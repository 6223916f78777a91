import type { ReceiptRun } from "holdfast-client/protocol";
import type { EmitRequest, RoomAddress, RoomItem, RoomMember, RoomSettleRun, RoomTarget } from "../../room-engine.js";
import type { RoomOptionsChange } from "../../room-options.js";
import type { Entry } from "../../store.js";
import { takeAll } from "../../take-all.js";
import { Block } from "../block.js";
import type { Catalog } from "../catalog.js";
import type { CommitBuilder } from "../commit.js";
import * as keys from "../keys.js";
import { exclusionsOf } from "./audience.js";
import { BlockCache } from "./block-cache.js";
import { Deadlines } from "./deadlines.js";
import { Deliveries } from "./deliveries.js";
import type { Device } from "./device.js";
import { emitTo } from "./emit.js";
import { type Feed, Feeds, type Overtaken } from "./feeds.js";
import { Membership } from "./membership.js";
import { News } from "./news.js";
import { Retention } from "./retention.js";
import type { Room } from "./room.js";
import { StoredBlock } from "./room-block.js";
import { RoomCatalog } from "./room-catalog.js";
import { packPendingOf, type RoomMark, sealRoom } from "./room-commit.js";

/** What rooms need from the rest of the core. */
export interface RoomsContext {
  readonly life: number;
  readonly commit: CommitBuilder;
  readonly catalog: Catalog;
  readonly feed: Feed;
  get(key: Uint8Array): Uint8Array | undefined;
}

/** The semantics of durable rooms: the part of the core that hands every message to every member. */
export class Rooms {
  readonly catalog: RoomCatalog;
  readonly membership: Membership;
  readonly deliveries: Deliveries;
  readonly news = new News();
  readonly #commit: CommitBuilder;
  readonly #deadlines = new Deadlines();
  readonly #feeds: Feeds;
  readonly #retention: Retention;
  readonly #cache = new BlockCache();

  constructor({ life, commit, catalog, feed, get }: RoomsContext) {
    this.#commit = commit;
    this.catalog = new RoomCatalog(catalog, commit);
    this.deliveries = new Deliveries(this.#deadlines, this.news);
    this.#retention = new Retention(commit, get);
    const host = {
      feed,
      moved: (device: Device) => this.catalog.changed(device.member),
      want: (device: Device) => this.#want(device),
    };
    this.#feeds = new Feeds(host, this.#deadlines);
    this.membership = new Membership(life, this.catalog, this.deliveries, this.#feeds, this.#deadlines, this.news);
  }

  /** What was restored begins to live. */
  begin(now: number): void {
    this.membership.forgetIdle(now);
    for (const room of this.catalog.all()) {
      this.#watchAge(room);
      this.#feeds.wake(room);
    }
  }

  /** Nothing is fed to queues while the disk is full. */
  set held(held: boolean) {
    this.#feeds.held = held;
  }

  // --- operations ----------------------------------------------------------------------------------------------

  define({ namespace, room: name }: RoomAddress, change: RoomOptionsChange, now: number): void {
    const room = this.#ensure(namespace, { room: name }, now);
    this.catalog.change(room, change);
    this.#watchAge(room);
  }

  remove(room: Room): void {
    for (const device of room.feeds) this.#feeds.forget(device);
    for (const device of room.live) this.deliveries.behind.delete(device);
    this.#cache.drop(room.cached);
    this.#deadlines.forget(room);
    this.news.removed(room);
    this.catalog.remove(room);
  }

  /** A queue is gone, and with it its memberships. */
  queueRemoved(namespace: string, queue: string): void {
    for (const member of this.catalog.feedsOf(namespace, queue)) this.membership.exit(member);
  }

  addMember({ namespace, room: name }: RoomAddress, who: RoomMember, now: number): number {
    const room = this.#ensure(namespace, { room: name }, now);
    return this.membership.add(room, who, room.next, now).since;
  }

  emit(request: EmitRequest, now: number): ReceiptRun[][] {
    const { namespace, to, except } = request;
    const rooms = to.map((target) => this.#ensure(namespace, target, now));
    const exclusions = exclusionsOf(rooms, {
      rooms: except.flatMap(({ room }) => (room === undefined ? [] : (this.catalog.find(namespace, { room }) ?? []))),
      users: except.flatMap(({ user }) => user ?? []),
    });
    const targets = rooms.map((room, index) => ({ room, exclusion: exclusions[index] }));
    const runs = emitTo(targets, request, now);
    for (const room of rooms) this.catalog.touch(room);
    return runs;
  }

  /** The room of that name; one that is made for a user has that one member. */
  #ensure(namespace: string, target: RoomTarget, now: number): Room {
    const known = this.catalog.find(namespace, target);
    if (known !== undefined) return known;
    const room = this.catalog.create(namespace, target);
    if (target.user !== undefined) this.membership.add(room, { user: target.user }, 1, now);
    return room;
  }

  join(number: number, name: string, from: number | "new" | "earliest", now: number): number | undefined {
    const session = this.catalog.sessions.get(number);
    if (session === undefined) return undefined;
    const room = this.#ensure(session.user.namespace, { room: name }, now);
    return this.membership.join(session, room, from, now);
  }

  pull(number: number, bytesMax: number, now: number): RoomItem[] {
    const session = this.catalog.sessions.get(number);
    return session === undefined ? [] : this.deliveries.pull(session, bytesMax, now);
  }

  isBehind(number: number): boolean {
    return this.catalog.sessions.get(number)?.isBehind === true;
  }

  settle(number: number, room: number, runs: readonly RoomSettleRun[], now: number): number {
    const device = this.catalog.sessions.get(number)?.devices.get(room);
    return device === undefined ? 0 : this.deliveries.settle(device, runs, now);
  }

  settleGap(number: number, room: number, from: number, to: number, now: number): void {
    const device = this.catalog.sessions.get(number)?.devices.get(room);
    if (device !== undefined) this.deliveries.settleGap(device, from, to, now);
  }

  detach(number: number, now: number): void {
    const session = this.catalog.sessions.get(number);
    if (session === undefined) return;
    const rooms = [...session.devices.values()].map(({ member }) => member.room);
    this.membership.detach(session, true, now);
    for (const room of rooms) if (room.live.size === 0 && room.feeds.size === 0) this.#cache.drop(room.cached);
  }

  // --- time ----------------------------------------------------------------------------------------------------

  get nextWake(): number | undefined {
    return this.#deadlines.next;
  }

  wake(now: number): void {
    const deadlines = this.#deadlines;
    if (deadlines.tickAt <= now) this.#tick();
    if (deadlines.idleAt <= now) this.membership.forgetIdle(now);
    for (let due = deadlines.take(now); due !== undefined; due = deadlines.take(now)) {
      if (due.device !== undefined) this.deliveries.look(due.device, now);
      // What is too old is looked for as the commit is sealed.
      if (due.room !== undefined && !due.room.removed) this.catalog.touch(due.room);
    }
    if (deadlines.feedAt > now) return;
    deadlines.feedAt = Number.POSITIVE_INFINITY;
    this.#feeds.retry();
  }

  /** Writes every cursor that moved since the last tick. */
  #tick(): void {
    this.#deadlines.tickAt = Number.POSITIVE_INFINITY;
    for (const device of takeAll(this.deliveries.moved)) {
      device.dirty = false;
      if (!device.member.gone) this.catalog.changed(device.member);
    }
  }

  /** When something of it is too old: its oldest message, or ids that it remembers. */
  #watchAge(room: Room): void {
    const at = Math.min(this.#retention.nextAge(room), room.ids.overAt(room.dedupWindowMs));
    if (at !== Number.POSITIVE_INFINITY) this.#deadlines.forAge(room, at);
  }

  // --- reads ---------------------------------------------------------------------------------------------------

  #want(device: Device): void {
    device.member.room.waiting.add(device);
    this.deliveries.wanting.add(device);
  }

  /** How much a read may bring. */
  get stretchBytes(): number {
    return this.#cache.stretchBytes(this.deliveries.behind.size);
  }

  /** Takes blocks that were read of a room for those who wait. */
  fill(room: Room, entries: readonly Entry[]): void {
    if (room.removed) return;
    // The last ones first, and the one that is waited for last: when there is no space for all of them, it is there.
    for (const [key, value] of [...entries].reverse()) {
      const block = Block.unpack(value);
      if (block.queue !== room.number || block.first !== keys.positionOf(key)) {
        throw new Error(`stored block ${room.number}/${keys.positionOf(key)} holds ${block.queue}/${block.first}`);
      }
      this.#cache.addRead(room.cached, new StoredBlock(room.ref, block, value), this.deliveries.behind.size);
    }
    for (const device of takeAll(room.waiting)) {
      this.deliveries.wanting.delete(device);
      if (device.member.who.user === undefined) this.#feeds.due(device);
      else this.deliveries.wake(device);
    }
  }

  // --- commit --------------------------------------------------------------------------------------------------

  get hasChanges(): boolean {
    return this.catalog.touched.size > 0;
  }

  /** Adds to the commit what changed of rooms; to be called before that is sealed. */
  seal(now: number): RoomMark[] {
    return takeAll(this.catalog.touched).map((room) => {
      packPendingOf(room, this.#commit);
      if (room.stateDirty && this.#retention.trim(room, now)) this.catalog.touch(room);
      const again = this.catalog.touched.has(room);
      const mark = sealRoom(room, this.#commit, this.#commit.number, now);
      this.#watchAge(room);
      room.stateDirty = again;
      return mark;
    });
  }

  /** Shows what is durable. */
  committed(marks: readonly RoomMark[]): void {
    for (const { room, next, blocks } of marks) {
      room.fresh = [];
      this.news.receipts(room);
      if (room.removed || blocks.length === 0) continue;
      room.durableNext = next;
      const wanted = room.live.size > 0 || room.feeds.size > 0;
      for (const block of blocks) if (wanted) this.#cache.addStored(room.cached, block);
      for (const device of room.live) this.deliveries.wake(device);
      this.#feeds.wake(room);
    }
  }

  /** Moves what is durable on into queues; to be called after each turn. */
  feed(now: number): void {
    this.#feeds.run(now);
  }

  /** What retention removed before queues that are members had room for it, since this was last asked. */
  takeOvertaken(): readonly Overtaken[] {
    return this.#feeds.takeOvertaken();
  }

  /** The last commit of a life that ends by its own will: what is on its way does not count, and every cursor is written. */
  retire(now: number): void {
    for (const session of this.catalog.sessions.values()) this.membership.detach(session, false, now);
    this.#tick();
  }
}
