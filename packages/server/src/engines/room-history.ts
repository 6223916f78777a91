import { HoldfastError } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import * as keys from "../core/keys.js";
import { historyOf } from "../core/rooms/history.js";
import { memberKey } from "../core/rooms/member.js";
import type { Room } from "../core/rooms/room.js";
import { StoredBlock } from "../core/rooms/room-block.js";
import type { Page } from "../engine.js";
import type { RoomRecord } from "../room-engine.js";
import type { Store } from "../store.js";

/** What one page looks through. */
const BLOCKS_MAX = 256;
const BYTES_MAX = 262_144;

/** A page of a room's messages backwards from `before`, as a user sees them who is a member. */
export async function readHistory(
  store: Store,
  room: Room,
  user: string,
  before: number,
  limit: number,
  now: number,
): Promise<Page<RoomRecord, number>> {
  const member = room.find(memberKey({ user }));
  if (member === undefined) {
    throw new HoldfastError("FORBIDDEN", `user ${JSON.stringify(user)} is no member of room ${room.name}, whose history is for members`);
  }
  let end = Math.min(before, room.durableNext);
  const entries = await store.read({
    from: keys.blockKey(room.number, 0),
    to: keys.blockKey(room.number, end),
    entriesMax: BLOCKS_MAX,
    bytesMax: BYTES_MAX,
    reverse: true,
  });
  const items: RoomRecord[] = [];
  for (const [, value] of entries) {
    const block = new StoredBlock(room.ref, Block.unpack(value), value);
    for (const item of historyOf(member, block, end, now)) {
      if (items.length === limit) return { items, next: item.sequence + 1 };
      items.push(item);
    }
    end = block.first;
  }
  return entries.length > 0 && end > room.head ? { items, next: end } : { items };
}
