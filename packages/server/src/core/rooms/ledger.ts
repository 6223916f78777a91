import type { RoomLedger } from "../../room-engine.js";
import type { Device } from "./device.js";
import type { Member } from "./member.js";
import { addRange, clip, inRanges } from "./ranges.js";
import type { Room } from "./room.js";
import type { StoredBlock } from "./room-block.js";

export type State = "delivered" | "pending" | "failed";

/**
 * What became of a message with each user, derived from where their devices are.
 *
 * @param block the one that has the message, while the room has it
 */
export function ledgerOf(
  room: Room,
  sequence: number,
  block: Pick<StoredBlock, "isExcluded"> | undefined,
  after: number,
  limit: number,
): Omit<RoomLedger, "record"> {
  const counts = { delivered: 0, pending: 0, failed: 0 };
  const page: Record<State, string[]> = { delivered: [], pending: [], failed: [] };
  let listed = 0;
  let last = after;
  let more = false;
  for (const member of room.members.values()) {
    const { who, since, number } = member;
    if (who.user === undefined || since > sequence || block?.isExcluded(number, sequence) === true) continue;
    const state = stateOf(member, sequence);
    counts[state]++;
    if (number <= after) continue;
    if (listed === limit) {
      more = true;
      continue;
    }
    page[state].push(who.user);
    listed++;
    last = number;
  }
  return more ? { sequence, counts, ...page, next: last } : { sequence, counts, ...page };
}

/** Any device of a user counts, of those that began before the message. */
export function stateOf({ devices, room }: Member, sequence: number): State {
  let state: State = devices.size === 0 && sequence >= room.head ? "pending" : "failed";
  for (const device of devices.values()) {
    if (device.start > sequence) continue;
    const known = deviceState(device, room, sequence);
    if (known === "delivered") return known;
    if (known === "pending") state = known;
  }
  return state;
}

/** A device of a member is forgotten: what is known by it is known by another one from now on, and what it alone was to get has failed. */
export function inherit(heir: Device, { start, progress: { cursor }, failed }: Device): void {
  const { start: own, progress } = heir;
  const ranges = start < own ? [...clip(failed, start, own - 1), { from: Math.max(start, cursor), to: own - 1 }] : [];
  // What both were to get failed with the member when neither took it; above its cursor the heir may still.
  const takenTo = Math.min(cursor, progress.cursor) - 1;
  ranges.push(...clip(heir.failed, 0, start - 1), ...clip(heir.failed, Math.max(start, takenTo + 1), Number.MAX_SAFE_INTEGER));
  for (const { from, to } of clip(heir.failed, start, takenTo)) ranges.push(...clip(failed, from, to));
  heir.start = Math.min(start, own);
  heir.failed = [];
  for (const range of ranges.sort((a, b) => a.from - b.from)) if (range.from <= range.to) addRange(heir.failed, range);
}

function deviceState({ progress, failed }: Device, room: Room, sequence: number): State {
  if (inRanges(failed, sequence)) return "failed";
  if (progress.isSettled(sequence)) return "delivered";
  return sequence < room.head && !progress.isInHand(sequence) ? "failed" : "pending";
}
