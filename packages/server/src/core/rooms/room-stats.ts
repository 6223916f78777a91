import type { Page } from "../../engine.js";
import type { RoomMemberInfo, RoomStats } from "../../room-engine.js";
import type { Member } from "./member.js";
import type { Room } from "./room.js";

export function roomStatsOf(room: Room, now: number): RoomStats {
  const { head, next, durableNext, headPublishedAt, bytes, published, expired, live } = room;
  let devices = 0;
  for (const { who, devices: own } of room.members.values()) if (who.user !== undefined) devices += own.size;
  return {
    messages: next - head,
    bytes,
    published,
    expired,
    members: room.members.size,
    devices,
    online: live.size,
    head,
    next,
    oldestAgeMs: durableNext > head ? Math.max(0, now - headPublishedAt) : 0,
  };
}

/** Members with a number above `after`, in order. */
export function membersPage(room: Room, after: number, limit: number): Page<RoomMemberInfo, number> {
  const items: RoomMemberInfo[] = [];
  let last = after;
  for (const member of room.members.values()) {
    if (member.number <= after) continue;
    if (items.length === limit) return { items, next: last };
    items.push(infoOf(member));
    last = member.number;
  }
  return { items };
}

function infoOf({ who, since, devices }: Member): RoomMemberInfo {
  if (who.user === undefined) return { member: who, since, devices: 0, online: 0 };
  const online = [...devices.values()].filter(({ session }) => session !== undefined).length;
  return { member: who, since, devices: devices.size, online };
}
