import type { RoomNews } from "../../room-watching.js";
import type { Member } from "./member.js";
import type { Room } from "./room.js";

/** What happened in rooms that somebody watches, until it is told. Of a room that nobody watches nothing is noted. */
export class News {
  #items: RoomNews[] = [];
  /** Rooms whose counts may have changed since this was last taken. */
  readonly #receipts = new Set<Room>();

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#receipts.size === 0;
  }

  take(): readonly RoomNews[] {
    const items = this.#items;
    for (const { namespace, target } of this.#receipts) items.push({ kind: "receipts", namespace, target });
    this.#items = [];
    this.#receipts.clear();
    return items;
  }

  /**
   * A device of the member came or went: to be told when no other one is here.
   */
  device({ room, who, devices }: Member, name: string, online: boolean): void {
    if (room.watched?.has("presence") !== true || room.target.room === undefined || who.user === undefined) return;
    for (const device of devices.values()) if (device.session !== undefined && device.name !== name) return;
    this.#items.push({ kind: "presence", namespace: room.namespace, room: room.target.room, user: who.user, online });
  }

  /** Somebody became a member, or ceased to be one. */
  member({ room, who }: Member, member: boolean, online: boolean): void {
    if (room.watched?.has("presence") !== true || room.target.room === undefined || who.user === undefined) return;
    this.#items.push({ kind: "presence", namespace: room.namespace, room: room.target.room, user: who.user, online, member });
  }

  /** Something of the room was stored, settled, given up or forgotten. */
  receipts(room: Room): void {
    if (room.watched?.has("receipts") === true) this.#receipts.add(room);
  }

  removed(room: Room): void {
    this.#receipts.delete(room);
    if (room.watched !== undefined && room.watched.size > 0)
      this.#items.push({ kind: "removed", namespace: room.namespace, target: room.target });
  }
}
