import type { RoomRecord } from "../../room-engine.js";
import type { Member } from "./member.js";
import type { StoredBlock } from "./room-block.js";

/** Messages of a block that a member may see, the newest first: those below `before`, without what is not for it. */
export function historyOf(member: Member, block: StoredBlock, before: number, now: number): RoomRecord[] {
  const { first, publishedAt, bytes, offsets } = block;
  const items: RoomRecord[] = [];
  for (let sequence = Math.min(before, block.end) - 1; sequence >= Math.max(first, member.room.head); sequence--) {
    if (block.isExcluded(member.number, sequence) || block.isExpired(sequence, now)) continue;
    const index = sequence - first;
    items.push({ sequence, publishedAt, record: bytes.subarray(offsets[index], offsets[index + 1]) });
  }
  return items;
}
