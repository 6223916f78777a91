import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "./clock.js";
import { PresenceRoom } from "./presence-room.js";
import type { PresenceWatcher } from "./presence-watcher.js";
import { Pulse } from "./pulse.js";
import type { RoomAddress } from "./room-engine.js";
import type { PresenceNews, RoomWatching } from "./room-watching.js";
import { takeAll } from "./take-all.js";

/** A user who comes back within this time after its last device left was never away: a page was loaded again. */
const GRACE_MS = 2_000;
/** Changes of one room are told at most so often; what came meanwhile is told together. */
const TELL_MS = 250;

const keyOf = ({ namespace, room }: RoomAddress): string => JSON.stringify([namespace, room]);

/**
 * Who is in which room and here, for those who watch. Told at most once: a watcher that does not keep up, and all of them
 * when the engine begins a new life, are told to ask again.
 */
export class Presence {
  readonly #engine: RoomWatching;
  readonly #clock: Clock;
  readonly #rooms = new Map<string, PresenceRoom>();
  /** Rooms with something to tell. */
  readonly #changed = new Set<PresenceRoom>();
  readonly #pulse: Pulse;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(engine: RoomWatching, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#pulse = new Pulse(clock, TELL_MS, () => this.#tell());
  }

  /** From now on tells the watcher of the room. `NOT_FOUND`: no such room; `FORBIDDEN`: it is for members. */
  watch(address: RoomAddress, watcher: PresenceWatcher): void {
    const { namespace, room: name } = address;
    this.#engine.watch(namespace, { room: name }, "presence");
    const key = keyOf(address);
    const room = this.#rooms.get(key) ?? new PresenceRoom(address, (self) => this.#look(self));
    if (watcher.user === undefined || this.#engine.isMember(address, watcher.user)) {
      this.#rooms.set(key, room);
      room.watchers.add(watcher);
      return;
    }
    if (room.watchers.size === 0) this.#engine.unwatch(namespace, { room: name }, "presence");
    throw new HoldfastError("FORBIDDEN", `${watcher.user} is not a member of room ${name}, whose presence is for its members to watch`);
  }

  unwatch(address: RoomAddress, watcher: PresenceWatcher): void {
    const room = this.#rooms.get(keyOf(address));
    if (room === undefined || !room.watchers.delete(watcher)) return;
    room.behind.delete(watcher);
    if (room.watchers.size === 0) this.#forget(room);
  }

  /** Whether the user is counted as here although its last device left: within the grace, of a room that is watched. */
  lingers(address: RoomAddress, user: string): boolean {
    return this.#rooms.get(keyOf(address))?.leaving.has(user) === true;
  }

  onNews(news: PresenceNews): void {
    const room = this.#rooms.get(keyOf(news));
    if (room === undefined) return;
    room.note(news, this.#clock.now() + GRACE_MS);
    this.#look(room);
  }

  /** The room is gone, so those who watch are to ask again, and hear it then. */
  onRemoved(address: RoomAddress): void {
    const room = this.#rooms.get(keyOf(address));
    if (room === undefined) return;
    for (const watcher of room.watchers) {
      watcher.ended(address.room);
      watcher.askAgain(address.room);
    }
    this.#forget(room);
  }

  /** The engine serves in a new life, which knows of no watcher, and where nobody is here yet. */
  onNewLife(): void {
    for (const room of [...this.#rooms.values()]) {
      const { namespace, room: name } = room.address;
      room.clear();
      try {
        this.#engine.watch(namespace, { room: name }, "presence");
        for (const watcher of room.watchers) room.behind.add(watcher);
        this.#look(room);
      } catch {
        // It was removed as the life before ended.
        this.onRemoved(room.address);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#pulse.stop();
    this.#cancel?.();
  }

  #forget(room: PresenceRoom): void {
    const { namespace, room: name } = room.address;
    this.#rooms.delete(keyOf(room.address));
    this.#changed.delete(room);
    this.#engine.unwatch(namespace, { room: name }, "presence");
  }

  /** Something of the room is to be told, now or when a grace is over. */
  #look(room: PresenceRoom): void {
    if (room.leaving.size > 0) this.#arm();
    if (room.changes.size === 0 && room.behind.size === 0) return;
    this.#changed.add(room);
    this.#pulse.want();
  }

  /** All graces are equally long, so one timer for all looks at those that are over and runs again for the next. */
  #arm(): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    const deadlines = [...this.#rooms.values()].map(({ nextDeadline }) => nextDeadline);
    const next = Math.min(...deadlines);
    if (next === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#clock.wakeAt(next, () => {
      this.#cancel = undefined;
      for (const room of this.#rooms.values()) if (room.expire(this.#clock.now())) this.#look(room);
      this.#arm();
    });
  }

  #tell(): number {
    for (const room of takeAll(this.#changed)) this.#tellRoom(room);
    return 1;
  }

  #tellRoom(room: PresenceRoom): void {
    const { address, watchers, behind } = room;
    const changes = room.take();
    for (const watcher of watchers) {
      if (!watcher.hasRoom()) {
        behind.add(watcher);
        watcher.whenRoom(room.wake);
      } else if (behind.delete(watcher)) {
        watcher.askAgain(address.room);
      } else if (changes.length > 0) {
        watcher.tell(address.room, changes);
      }
    }
    const left = new Set(changes.flatMap(({ user, member }) => (member === false ? user : [])));
    if (left.size > 0)
      for (const watcher of watchers) if (watcher.user !== undefined && left.has(watcher.user)) this.#dismiss(room, watcher);
    if (watchers.size === 0) this.#forget(room);
  }

  /** The watcher is no member any more, and hears that when it asks again: a client may not know which user it is. */
  #dismiss({ address, watchers, behind }: PresenceRoom, watcher: PresenceWatcher): void {
    watchers.delete(watcher);
    watcher.ended(address.room);
    if (behind.delete(watcher)) watcher.whenRoom(() => watcher.askAgain(address.room));
    else watcher.askAgain(address.room);
  }
}
