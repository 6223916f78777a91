import { Exclusion } from "./exclusion.js";
import { memberKey } from "./member.js";
import type { Room } from "./room.js";

/** Who is to get nothing of an emit. */
export interface Except {
  readonly rooms: readonly Room[];
  readonly users: readonly string[];
}

/**
 * For each room the members that do not get the message there: those who get it through a room before it, and those who
 * are excepted. Undefined for all members; so an emit to one room looks at none of them.
 */
export function exclusionsOf(rooms: readonly Room[], { rooms: exceptRooms, users }: Except): (Exclusion | undefined)[] {
  return rooms.map((room, index) => {
    const numbers = new Set<number>();
    for (const before of rooms.slice(0, index)) addShared(room, before, numbers);
    for (const except of exceptRooms) addShared(room, except, numbers);
    for (const user of users) {
      const member = room.find(memberKey({ user }));
      if (member !== undefined) numbers.add(member.number);
    }
    return numbers.size === 0 ? undefined : Exclusion.of(numbers);
  });
}

/** Adds the members of `room` that are in the other one, too; costs what the smaller of them has. */
function addShared(room: Room, other: Room, numbers: Set<number>): void {
  if (room.members.size <= other.members.size) {
    for (const { key, number } of room.members.values()) if (other.find(key) !== undefined) numbers.add(number);
    return;
  }
  for (const { key } of other.members.values()) {
    const member = room.find(key);
    if (member !== undefined) numbers.add(member.number);
  }
}
