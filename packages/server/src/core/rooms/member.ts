import type { RoomMember } from "../../room-engine.js";
import type { Device } from "./device.js";
import type { Room } from "./room.js";

/** A member of a room. Its number is never given to another one of that room. */
export class Member {
  readonly room: Room;
  readonly number: number;
  readonly who: RoomMember;
  /** Its name among all members. */
  readonly key: string;
  /** The first sequence that is for it. */
  readonly since: number;
  /** By name; of a queue the only one has none. */
  readonly devices = new Map<string, Device>();
  /** It was removed, with its devices. */
  gone = false;

  constructor(room: Room, number: number, who: RoomMember, since: number) {
    this.room = room;
    this.number = number;
    this.who = who;
    this.since = since;
    this.key = memberKey(who);
  }
}

/** A member's name among all: no user's is a queue's. */
export const memberKey = (who: RoomMember): string => (who.user === undefined ? `q${who.queue}` : `u${who.user}`);
