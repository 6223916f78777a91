import { HoldfastError } from "holdfast-client/protocol";
import type { PresenceWatcher } from "../presence-watcher.js";
import { type CountedReceipt, ReceiptWatch } from "../receipt-watch.js";
import type { RoomTarget } from "../room-engine.js";
import type { Rooms } from "../rooms.js";
import { takeAll } from "../take-all.js";
import type { Connection } from "./connection.js";
import { PRESENCE_EVENT, RECEIPTS_EVENT } from "./events.js";

const PRESENCE_ROOMS_MAX = 100;

/** What a connection watches of rooms. It is told nothing while its socket is full: then it asks again, or hears the newest counts. */
export class Watches {
  readonly #connection: Connection;
  readonly #rooms: Rooms;
  readonly #user: string;
  readonly #presence = new Set<string>();
  readonly #wakes = new Set<() => void>();
  readonly #watcher: PresenceWatcher;
  readonly #receipts: ReceiptWatch;

  constructor(connection: Connection, rooms: Rooms, user: string) {
    this.#connection = connection;
    this.#rooms = rooms;
    this.#user = user;
    this.#watcher = this.#presenceWatcher();
    this.#receipts = this.#receiptWatch();
  }

  /** `NOT_FOUND`, `FORBIDDEN` for who is no member, `TOO_LARGE`. */
  watchPresence(room: string): void {
    if (this.#presence.size >= PRESENCE_ROOMS_MAX && !this.#presence.has(room)) {
      throw new HoldfastError(
        "TOO_LARGE",
        `presence of ${this.#presence.size} rooms is watched, at most ${PRESENCE_ROOMS_MAX} are allowed`,
      );
    }
    this.#rooms.presence.watch(this.#address(room), this.#watcher);
    this.#presence.add(room);
  }

  unwatchPresence(room: string): void {
    if (this.#presence.delete(room)) this.#rooms.presence.unwatch(this.#address(room), this.#watcher);
  }

  /** Gives up the rooms that may not be watched any more, and says so. */
  retainPresence(mayWatch: (room: string) => boolean): void {
    for (const room of [...this.#presence]) {
      if (mayWatch(room)) continue;
      this.unwatchPresence(room);
      this.#watcher.askAgain(room);
    }
  }

  /** As `Receipts.watch`. */
  watchReceipts(
    target: RoomTarget,
    from: number | undefined,
  ): Promise<{ readonly from: number; readonly items: readonly CountedReceipt[] }> {
    return this.#rooms.receipts.watch(this.#receipts, this.#connection.namespace, target, from);
  }

  unwatchReceipts(target: RoomTarget): void {
    this.#rooms.receipts.unwatch(this.#receipts, this.#connection.namespace, target);
  }

  close(): void {
    for (const room of [...this.#presence]) this.unwatchPresence(room);
    this.#rooms.receipts.close(this.#receipts);
  }

  #address(room: string): { readonly namespace: string; readonly room: string } {
    return { namespace: this.#connection.namespace, room };
  }

  #presenceWatcher(): PresenceWatcher {
    const { port } = this.#connection;
    return {
      user: this.#user,
      hasRoom: () => !port.isFull(),
      whenRoom: (wake) => this.#whenRoom(wake),
      tell: (room, changes) => port.send(PRESENCE_EVENT, { room, changes }),
      askAgain: (room) => port.send(PRESENCE_EVENT, { room, again: true }),
      ended: (room) => this.#presence.delete(room),
    };
  }

  #receiptWatch(): ReceiptWatch {
    const { port } = this.#connection;
    return new ReceiptWatch({
      user: this.#user,
      hasRoom: () => !port.isFull(),
      whenRoom: (wake) => this.#whenRoom(wake),
      tell: (items) => port.send(RECEIPTS_EVENT, { items }),
      askAgain: (target) => port.send(RECEIPTS_EVENT, { ...target, again: true }),
    });
  }

  #whenRoom(wake: () => void): void {
    this.#wakes.add(wake);
    this.#connection.port.whenRoom(this.#onRoom);
  }

  /** One for all, so that it waits once. */
  #onRoom = (): void => {
    for (const wake of takeAll(this.#wakes)) wake();
  };
}
