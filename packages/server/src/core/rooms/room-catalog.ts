import { HoldfastError } from "holdfast-client/protocol";
import type { RoomAddress, RoomTarget } from "../../room-engine.js";
import { changedRoomOptions, DEFAULT_ROOM_OPTIONS, type RoomOptions, type RoomOptionsChange } from "../../room-options.js";
import type { Catalog } from "../catalog.js";
import type { CommitBuilder } from "../commit.js";
import * as keys from "../keys.js";
import type { Member } from "./member.js";
import { unpackMembers } from "./member-chunk.js";
import { NamespaceMap } from "./namespace-map.js";
import { Room, restoreRoomState } from "./room.js";
import { type Session, User } from "./session.js";

/** Which rooms and inboxes there are, and who is in which. */
export class RoomCatalog {
  readonly #catalog: Catalog;
  readonly #commit: CommitBuilder;
  readonly #rooms = new Map<number, Room>();
  readonly #byName = new NamespaceMap<Room>();
  readonly #inboxes = new NamespaceMap<Room>();
  readonly #users = new NamespaceMap<User>();
  /** Memberships of queues. */
  readonly #feeds = new NamespaceMap<Set<Member>>();
  readonly sessions = new Map<number, Session>();
  /** Rooms that changed since the last commit. */
  readonly touched = new Set<Room>();

  constructor(catalog: Catalog, commit: CommitBuilder) {
    this.#catalog = catalog;
    this.#commit = commit;
  }

  // --- restore -------------------------------------------------------------------------------------------------

  restoreDefinition(number: number, stored: Uint8Array): void {
    const { namespace, room, user, options } = JSON.parse(Buffer.from(stored).toString("utf8")) as {
      namespace: string;
      room?: string;
      user?: string;
      options: RoomOptions;
    };
    const target: RoomTarget = user === undefined ? { room: room ?? "" } : { user };
    const restored = new Room(number, namespace, target, { ...DEFAULT_ROOM_OPTIONS, ...options }, this.#catalog.seed);
    restored.definitionDirty = false;
    this.#register(restored);
  }

  restoreState(number: number, stored: Uint8Array): void {
    const room = this.#rooms.get(number);
    if (room !== undefined) restoreRoomState(room, stored);
  }

  restoreMembers(number: number, stored: Uint8Array): void {
    const room = this.#rooms.get(number);
    if (room === undefined) return;
    for (const member of unpackMembers(room, stored)) this.enter(member);
    room.dirtyChunks.clear();
  }

  #register(room: Room): void {
    this.#rooms.set(room.number, room);
    if (room.target.user === undefined) this.#byName.set(room.namespace, room.name, room);
    else this.#inboxes.set(room.namespace, room.name, room);
  }

  // --- rooms ---------------------------------------------------------------------------------------------------

  all(): IterableIterator<Room> {
    return this.#rooms.values();
  }

  numbered(number: number): Room | undefined {
    return this.#rooms.get(number);
  }

  find(namespace: string, { room, user }: RoomTarget): Room | undefined {
    return user === undefined ? this.#byName.get(namespace, room) : this.#inboxes.get(namespace, user);
  }

  /** The room, or `NOT_FOUND`. */
  require({ namespace, room }: RoomAddress): Room {
    return this.requireTarget(namespace, { room });
  }

  /** The room or inbox, or `NOT_FOUND`. */
  requireTarget(namespace: string, target: RoomTarget): Room {
    const found = this.find(namespace, target);
    if (found !== undefined) return found;
    const name = target.user === undefined ? `room ${JSON.stringify(target.room)}` : `the inbox of ${JSON.stringify(target.user)}`;
    throw new HoldfastError("NOT_FOUND", `${name} does not exist in namespace ${namespace}`);
  }

  names(namespace: string): string[] {
    return this.#byName.names(namespace);
  }

  create(namespace: string, target: RoomTarget): Room {
    const room = new Room(this.#catalog.nextNumber++, namespace, target, DEFAULT_ROOM_OPTIONS, this.#catalog.seed);
    this.#catalog.writeMeta();
    this.#register(room);
    this.touch(room);
    return room;
  }

  change(room: Room, change: RoomOptionsChange): void {
    room.options = changedRoomOptions(room.options, change);
    room.definitionDirty = true;
    this.touch(room);
  }

  /** The room changed, also in its state record. */
  touch(room: Room): void {
    room.stateDirty = true;
    this.touched.add(room);
  }

  /** The member, or a device of it, is to be stored with the next commit. */
  changed(member: Member): void {
    member.room.changed(member);
    this.touched.add(member.room);
  }

  /** Forgets the room; its content is to be cleared from the store once that is durable. */
  remove(room: Room): void {
    room.removed = true;
    for (const member of [...room.members.values()]) this.exit(member);
    this.#rooms.delete(room.number);
    this.#byName.delete(room.namespace, room.name);
    this.touched.delete(room);
    this.#commit.write(keys.roomKey(room.number), undefined);
    this.#commit.write(keys.roomStateKey(room.number), undefined);
    this.#commit.write(keys.removedKey(room.number), Buffer.of(1));
  }

  // --- members -------------------------------------------------------------------------------------------------

  user(namespace: string, name: string): User | undefined {
    return this.#users.get(namespace, name);
  }

  ensureUser(namespace: string, name: string): User {
    let user = this.#users.get(namespace, name);
    if (user === undefined) {
      user = new User(namespace, name);
      this.#users.set(namespace, name, user);
    }
    return user;
  }

  /** Forgets a user of whom nothing is left. */
  releaseUser(user: User): void {
    if (user.memberships.size === 0 && user.sessions.size === 0) this.#users.delete(user.namespace, user.name);
  }

  /** Takes a member into its room and into what is known of its user or queue. */
  enter(member: Member): void {
    const { room, who } = member;
    room.add(member);
    if (who.user !== undefined) {
      this.ensureUser(room.namespace, who.user).memberships.add(member);
      return;
    }
    const feeds = this.#feeds.get(room.namespace, who.queue);
    if (feeds === undefined) this.#feeds.set(room.namespace, who.queue, new Set([member]));
    else feeds.add(member);
    for (const device of member.devices.values()) room.feeds.add(device);
  }

  exit(member: Member): void {
    const { room, who } = member;
    member.gone = true;
    room.delete(member);
    for (const device of member.devices.values()) {
      room.live.delete(device);
      room.feeds.delete(device);
      room.waiting.delete(device);
      device.session?.devices.delete(room.number);
      device.session?.ready.delete(device);
      device.session = undefined;
    }
    if (who.user === undefined) {
      const feeds = this.#feeds.get(room.namespace, who.queue);
      feeds?.delete(member);
      if (feeds?.size === 0) this.#feeds.delete(room.namespace, who.queue);
      return;
    }
    const user = this.#users.get(room.namespace, who.user);
    user?.memberships.delete(member);
    if (user !== undefined) this.releaseUser(user);
  }

  /** What feeds a queue. */
  feedsOf(namespace: string, queue: string): Member[] {
    return [...(this.#feeds.get(namespace, queue) ?? [])];
  }
}
