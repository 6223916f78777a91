import { takeAll } from "../../take-all.js";
import { Block } from "../block.js";
import * as keys from "../keys.js";
import { sealDedup, type Writer } from "../seal-dedup.js";
import { packExcluded } from "./exclusion.js";
import { packMembers } from "./member-chunk.js";
import { packRoomState, type Room } from "./room.js";
import { StoredBlock } from "./room-block.js";

/** What of a room is durable with a commit. */
export interface RoomMark {
  readonly room: Room;
  readonly next: number;
  readonly blocks: readonly StoredBlock[];
}

/** Packs what was emitted since the last commit. */
export function packPendingOf(room: Room, writer: Writer): void {
  for (const { first, count, bytes, records, publishedAt, expires, excluded: runs } of room.pending) {
    const excluded = packExcluded(runs);
    const parts = [...records, excluded];
    const traits = { expires, delayed: false };
    const block = Block.pack(room.number, first, publishedAt, room.lastCrc, count, parts, bytes + excluded.length, traits);
    if (block.bytes === undefined) continue;
    room.lastCrc = block.crc;
    if (room.headFirst === first) room.headPublishedAt = publishedAt;
    writer.write(keys.blockKey(room.number, first), block.bytes);
    room.fresh.push(new StoredBlock(room.ref, block, block.bytes));
  }
  room.pending = [];
}

/** Writes what else changed of a room, and says what of it is durable then. */
export function sealRoom(room: Room, writer: Writer, commit: number, now: number): RoomMark {
  const { number, namespace, target, options } = room;
  if (room.definitionDirty) writer.write(keys.roomKey(number), Buffer.from(JSON.stringify({ namespace, ...target, options }), "utf8"));
  room.definitionDirty = false;
  for (const chunk of takeAll(room.dirtyChunks)) {
    const members = room.membersOf(chunk);
    writer.write(keys.membersKey(number, chunk), members.length === 0 ? undefined : packMembers(members));
  }
  sealDedup(room, commit, now, writer);
  if (room.stateDirty) writer.write(keys.roomStateKey(number), packRoomState(room));
  room.stateDirty = false;
  return { room, next: room.next, blocks: [...room.fresh] };
}
