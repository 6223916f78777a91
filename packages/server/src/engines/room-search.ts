import { RecordView } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import * as keys from "../core/keys.js";
import type { Room } from "../core/rooms/room.js";
import { StoredBlock } from "../core/rooms/room-block.js";
import type { CountedMessage, RoomStretch } from "../room-watching.js";
import type { Store } from "../store.js";

const SEARCHED_MAX = 10_000;
const PAGE_ENTRIES = 1_000;
const PAGE_BYTES = 1_048_576;

/** Looks through a stretch of a room from its end: see `RoomWatching.search`. */
export async function searchRoom(
  store: Store,
  room: Room,
  stretch: RoomStretch,
  countMax: number,
  accepts: (record: Uint8Array, sequence: number) => boolean,
): Promise<{ readonly found: readonly CountedMessage[]; readonly looked: RoomStretch }> {
  const end = Math.min(stretch.to, room.durableNext);
  const start = Math.max(stretch.from, room.head, end - SEARCHED_MAX);
  const found: CountedMessage[] = [];
  let to = end;
  for await (const block of blocksBefore(store, room, end)) {
    // A hole, since retention went on meanwhile: what is below is gone.
    if (block.end < to) break;
    for (; to > Math.max(start, block.first) && found.length < countMax; to--) {
      const sequence = to - 1;
      const at = sequence - block.first;
      const record = block.bytes.subarray(block.offsets[at], block.offsets[at + 1]);
      if (!accepts(record, sequence)) continue;
      found.push({ id: new RecordView(record, 0, record.length).id, sequence, excluded: block.exclusionOf(sequence)?.detached() });
    }
    if (to <= start || found.length === countMax) break;
  }
  return { found, looked: { from: Math.min(to, end), to: end } };
}

/** The blocks of a room below a sequence, backwards: out of memory, or read a page at a time. */
async function* blocksBefore(store: Store, room: Room, end: number): AsyncGenerator<StoredBlock> {
  let to = end;
  while (to > room.head && !room.removed) {
    const cached = room.cached.find(to - 1);
    if (cached !== undefined) {
      yield cached;
      to = cached.first;
      continue;
    }
    const entries = await store.read({
      from: keys.blockKey(room.number, 0),
      to: keys.blockKey(room.number, to),
      entriesMax: PAGE_ENTRIES,
      bytesMax: PAGE_BYTES,
      reverse: true,
    });
    if (entries.length === 0) return;
    for (const [, value] of entries) {
      const block = new StoredBlock(room.ref, Block.unpack(value), value);
      yield block;
      to = block.first;
    }
  }
}
