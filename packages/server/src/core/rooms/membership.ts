import { HoldfastError } from "holdfast-client/protocol";
import type { JoinFrom, RoomMember } from "../../room-engine.js";
import type { Deadlines } from "./deadlines.js";
import type { Deliveries } from "./deliveries.js";
import { Device } from "./device.js";
import type { Feeds } from "./feeds.js";
import { inherit } from "./ledger.js";
import { Member, memberKey } from "./member.js";
import type { News } from "./news.js";
import type { Room } from "./room.js";
import type { RoomCatalog } from "./room-catalog.js";
import { Session, type User } from "./session.js";

const SESSIONS_PER_LIFE = 2 ** 32;
const MEMBERS_MAX = 100_000;
const ROOMS_PER_USER_MAX = 1_000;
const DEVICES_PER_USER_MAX = 64;
/** A device that was last seen so long before another one of its member is forgotten. */
const DEVICE_IDLE_MS = 30 * 86_400_000;
/** How exactly it is stored when an attached device was seen. */
const SEEN_MS = 86_400_000;
/** How often devices are looked through for such. */
const IDLE_CHECK_MS = 3_600_000;

/** Who is in which room, and which of their devices are here. */
export class Membership {
  readonly #catalog: RoomCatalog;
  readonly #deliveries: Deliveries;
  readonly #feeds: Feeds;
  readonly #deadlines: Deadlines;
  readonly #news: News;
  /** Begins elsewhere in each life, so that what is late from a session of another one fits no session of this. */
  #nextSession: number;

  constructor(life: number, catalog: RoomCatalog, deliveries: Deliveries, feeds: Feeds, deadlines: Deadlines, news: News) {
    this.#nextSession = life * SESSIONS_PER_LIFE + 1;
    this.#catalog = catalog;
    this.#deliveries = deliveries;
    this.#feeds = feeds;
    this.#deadlines = deadlines;
    this.#news = news;
  }

  /**
   * Makes somebody a member from `since` on; one who is stays as it is.
   *
   * @param joining the session whose device is the member's first one
   */
  add(room: Room, who: RoomMember, since: number, now: number, joining?: Session): Member {
    const known = room.find(memberKey(who));
    if (known !== undefined) return known;
    this.#assertRoom(room, who);
    const member = new Member(room, room.nextMember, who, since);
    this.#catalog.enter(member);
    this.#catalog.touch(room);
    if (who.user === undefined) {
      const device = new Device(member, "", since, true, now);
      member.devices.set("", device);
      room.feeds.add(device);
      this.#feeds.due(device);
      return member;
    }
    if (joining !== undefined) this.#connect(joining, member, now);
    for (const session of this.#catalog.ensureUser(room.namespace, who.user).sessions.values()) {
      if (session !== joining) this.#connect(session, member, now);
    }
    this.#news.member(member, true, isHere(member));
    return member;
  }

  #assertRoom(room: Room, who: RoomMember): void {
    if (room.target.user !== undefined) return;
    if (room.members.size >= MEMBERS_MAX)
      throw new HoldfastError("TOO_LARGE", `room ${room.name} has ${room.members.size} members, at most ${MEMBERS_MAX} are allowed`);
    const user = who.user === undefined ? undefined : this.#catalog.user(room.namespace, who.user);
    if (user !== undefined && user.memberships.size >= ROOMS_PER_USER_MAX) {
      throw new HoldfastError(
        "TOO_LARGE",
        `user ${JSON.stringify(user.name)} is in ${user.memberships.size} rooms, at most ${ROOMS_PER_USER_MAX} are allowed`,
      );
    }
  }

  remove(room: Room, who: RoomMember): void {
    const member = room.find(memberKey(who));
    if (member !== undefined) this.exit(member);
  }

  exit(member: Member): void {
    for (const device of member.devices.values()) {
      this.#feeds.forget(device);
      this.#deliveries.behind.delete(device);
    }
    this.#news.member(member, false, false);
    this.#catalog.exit(member);
    this.#catalog.changed(member);
  }

  // --- sessions ------------------------------------------------------------------------------------------------

  /** Begins a session; `replaced` is the one that the device had. */
  attach(namespace: string, name: string, deviceName: string, now: number): { session: Session; replaced: Session | undefined } {
    const known = this.#catalog.user(namespace, name);
    if (known !== undefined) this.#assertDevices(known, deviceName, now);
    const replaced = known?.sessions.get(deviceName);
    if (replaced !== undefined) this.detach(replaced, true, now);
    const session = new Session(this.#nextSession++, this.#catalog.ensureUser(namespace, name), deviceName);
    session.user.sessions.set(deviceName, session);
    this.#catalog.sessions.set(session.number, session);
    for (const member of session.user.memberships) this.#connect(session, member, now);
    return { session, replaced };
  }

  detach(session: Session, counted: boolean, now: number): void {
    for (const device of session.devices.values()) {
      this.#deliveries.end(device, counted, now);
      device.member.room.live.delete(device);
      this.#news.device(device.member, device.name, false);
    }
    session.devices.clear();
    session.ready.clear();
    this.#deliveries.work.delete(session.number);
    this.#catalog.sessions.delete(session.number);
    if (session.user.sessions.get(session.device) === session) session.user.sessions.delete(session.device);
    this.#catalog.releaseUser(session.user);
  }

  /** Lets the session's device receive from the member's room. */
  #connect(session: Session, member: Member, now: number): void {
    const { room, devices } = member;
    let device = devices.get(session.device);
    if (device === undefined) {
      const isFirst = devices.size === 0;
      device = new Device(member, session.device, isFirst ? member.since : room.next, isFirst, now);
      devices.set(device.name, device);
      this.#catalog.changed(member);
    }
    this.#deadlines.idleAt = Math.min(this.#deadlines.idleAt, now + IDLE_CHECK_MS);
    device.reset();
    device.session = session;
    device.lastSeen = now;
    session.devices.set(room.number, device);
    room.live.add(device);
    this.#news.device(member, device.name, true);
    this.#deliveries.wake(device);
  }

  /** Lets the session's device begin at `from` in the room, of which its user becomes a member; returns where it is. */
  join(session: Session, room: Room, from: JoinFrom, now: number): number {
    const at = positionOf(room, from);
    const known = room.find(memberKey({ user: session.user.name }));
    if (known === undefined) this.add(room, { user: session.user.name }, at, now, session);
    const device = session.devices.get(room.number);
    if (device === undefined) throw new Error(`session ${session.number} is in room ${room.number} without a device`);
    if (!device.begun) this.#begin(device, at);
    return device.progress.cursor;
  }

  /**
   * Only ever earlier than it is: what came to the room since the device was first here is for it, sent or not. And not where
   * it was told that it will never get something.
   */
  #begin(device: Device, at: number): void {
    device.begun = true;
    // In the commit that the join waits for: its answer says where the device begins.
    this.#catalog.changed(device.member);
    if (at >= device.progress.cursor || device.failed.length > 0) return;
    device.moveTo(at);
    this.#deliveries.wake(device);
  }

  // --- idle devices --------------------------------------------------------------------------------------------

  /**
   * Forgets devices that their members do without, and looks again later while one is here. Nothing of a member is forgotten
   * while it is away: it is to find each of its devices where that was.
   */
  forgetIdle(now: number): void {
    let isAnyHere = false;
    for (const room of this.#catalog.all()) {
      for (const member of room.members.values()) {
        if (member.who.user === undefined) continue;
        for (const device of member.devices.values()) {
          if (device.session === undefined) continue;
          this.#noteSeen(device, now);
          isAnyHere = true;
        }
        if (member.devices.size > 1) this.#forgetBefore(member, lastHere(member).lastSeen - DEVICE_IDLE_MS);
      }
    }
    this.#deadlines.idleAt = isAnyHere ? now + IDLE_CHECK_MS : Number.POSITIVE_INFINITY;
  }

  /** Forgets the devices that were not seen after `seen`, but never the last one: it says how far the member is. */
  #forgetBefore(member: Member, seen: number): void {
    const heir = lastHere(member);
    for (const device of [...member.devices.values()]) {
      if (device === heir || device.session !== undefined || device.lastSeen > seen) continue;
      inherit(heir, device);
      member.devices.delete(device.name);
      this.#catalog.changed(member);
      this.#news.receipts(member.room);
    }
  }

  /**
   * `TOO_LARGE` when the user has as many devices as may be, here or in one of its rooms. There those that were not seen for
   * long make place for one more.
   */
  #assertDevices({ name, sessions, memberships }: User, device: string, now: number): void {
    for (const member of memberships)
      if (member.devices.size >= DEVICES_PER_USER_MAX && !member.devices.has(device)) this.#forgetBefore(member, now - DEVICE_IDLE_MS);
    const counts = [sessions, ...[...memberships].map(({ devices }) => devices)].filter((devices) => !devices.has(device));
    const most = Math.max(0, ...counts.map(({ size }) => size));
    if (most < DEVICES_PER_USER_MAX) return;
    throw new HoldfastError("TOO_LARGE", `user ${JSON.stringify(name)} has ${most} devices, at most ${DEVICES_PER_USER_MAX} are allowed`);
  }

  /** A device that stays attached for days is seen all the time, also when a crash ends that. */
  #noteSeen(device: Device, now: number): void {
    if (device.lastSeen + SEEN_MS > now) return;
    device.lastSeen = now;
    this.#catalog.changed(device.member);
  }
}

const isHere = ({ devices }: Member): boolean => [...devices.values()].some(({ session }) => session !== undefined);

/** The member's device that was here last, of those that are here the first; it has one. */
function lastHere({ devices }: Member): Device {
  let [last] = devices.values();
  for (const device of devices.values()) if (last === undefined || seenUntil(device) > seenUntil(last)) last = device;
  if (last === undefined) throw new Error("a member without devices was asked for the last one");
  return last;
}

const seenUntil = ({ session, lastSeen }: Device): number => (session === undefined ? lastSeen : Number.POSITIVE_INFINITY);

const positionOf = (room: Room, from: JoinFrom): number => {
  if (from === "new") return room.next;
  if (from === "earliest") return room.head;
  return Math.min(Math.max(1, from), room.next);
};
