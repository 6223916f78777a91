import type { PresenceChange, PresenceWatcher } from "./presence-watcher.js";
import type { RoomAddress } from "./room-engine.js";

/** A room whose presence is watched: what is to be told, and who is about to be away. */
export class PresenceRoom {
  readonly address: RoomAddress;
  readonly watchers = new Set<PresenceWatcher>();
  /** Watchers that were not told everything. */
  readonly behind = new Set<PresenceWatcher>();
  /** What was not told yet, by user: no more than a room has users. */
  readonly changes = new Map<string, PresenceChange>();
  /** Users whose last device left, and when their grace is over; the earliest first. */
  readonly leaving = new Map<string, number>();

  /** A watcher has room again: always the same function, so that a watcher is woken once. */
  readonly wake: () => void;

  constructor(address: RoomAddress, look: (room: PresenceRoom) => void) {
    this.address = address;
    this.wake = () => look(this);
  }

  /** @param until when the grace of who leaves now is over */
  note({ user, online, member }: PresenceChange, until: number): void {
    if (member === undefined && !online) {
      this.leaving.set(user, until);
      return;
    }
    // Who came back within the grace was never away.
    const wasHere = this.leaving.delete(user);
    if (member === undefined && wasHere) return;
    this.#change(user, online, member);
  }

  #change(user: string, online: boolean, member: boolean | undefined): void {
    const before = this.changes.get(user)?.member;
    const now = member ?? before;
    this.changes.set(user, now === undefined ? { user, online } : { user, online, member: now });
  }

  get nextDeadline(): number {
    const [first] = this.leaving.values();
    return first ?? Number.POSITIVE_INFINITY;
  }

  /** Users whose grace is over are away; returns whether there were any. */
  expire(now: number): boolean {
    let any = false;
    for (const [user, until] of this.leaving) {
      if (until > now) break;
      this.leaving.delete(user);
      this.#change(user, false, undefined);
      any = true;
    }
    return any;
  }

  /** What is to be told now. */
  take(): PresenceChange[] {
    const changes = [...this.changes.values()];
    this.changes.clear();
    return changes;
  }

  /** Whatever was known of users is not true any more. */
  clear(): void {
    this.changes.clear();
    this.leaving.clear();
  }
}
