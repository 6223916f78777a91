import { HoldfastError, RecordView } from "holdfast-client/protocol";
import { Block } from "../core/block.js";
import { hashId } from "../core/id-index.js";
import * as keys from "../core/keys.js";
import { ledgerOf } from "../core/rooms/ledger.js";
import type { Room } from "../core/rooms/room.js";
import { StoredBlock } from "../core/rooms/room-block.js";
import type { RoomLedger, RoomMessage } from "../room-engine.js";
import type { Store } from "../store.js";
import { readBlockOf } from "./room-reader.js";

/** Among so many newest messages a given id is looked for. */
const SEARCHED_MAX = 100_000;
const PAGE_BYTES = 1_048_576;

/** What became of a message with each user. */
export async function readLedger(
  store: Store,
  room: Room,
  message: RoomMessage,
  now: number,
  after: number,
  limit: number,
): Promise<RoomLedger> {
  const sequence = message.sequence ?? (await sequenceOf(store, room, message.id, now));
  if (sequence === undefined || sequence < 1 || sequence >= room.durableNext) throw notFound(room, message);
  const block = sequence < room.head ? undefined : (room.cached.find(sequence) ?? (await storedBlock(store, room, sequence)));
  const index = sequence - (block?.first ?? sequence);
  const record = block?.bytes.slice(block.offsets[index], block.offsets[index + 1]);
  return { ...ledgerOf(room, sequence, block, after, limit), record };
}

async function storedBlock(store: Store, room: Room, sequence: number): Promise<StoredBlock | undefined> {
  const entry = await readBlockOf(store, room, sequence);
  if (entry === undefined) return undefined;
  const block = new StoredBlock(room.ref, Block.unpack(entry[1]), entry[1]);
  // Retention may have removed it meanwhile.
  return sequence < block.end ? block : undefined;
}

/** The sequence of the message with that id: as remembered, else looked for from the newest backwards. */
async function sequenceOf(store: Store, room: Room, id: string, now: number): Promise<number | undefined> {
  const known = room.ids.sequenceOf(hashId(id), now, room.dedupWindowMs);
  if (known !== undefined) return known;
  let to = room.durableNext;
  for (let searched = 0; searched < SEARCHED_MAX && to > room.head; ) {
    const entries = await store.read({
      from: keys.blockKey(room.number, 0),
      to: keys.blockKey(room.number, to),
      entriesMax: 1_000,
      bytesMax: PAGE_BYTES,
      reverse: true,
    });
    if (entries.length === 0) return undefined;
    for (const [, value] of entries) {
      const block = Block.unpack(value);
      const found = indexIn(block, value, id);
      if (found !== undefined) return block.first + found;
      searched += block.count;
      to = block.first;
    }
  }
  return undefined;
}

function indexIn({ offsets, count }: Block, bytes: Uint8Array, id: string): number | undefined {
  for (let index = count - 1; index >= 0; index--) {
    if (new RecordView(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0).id === id) return index;
  }
  return undefined;
}

const notFound = (room: Room, { id, sequence }: RoomMessage): HoldfastError =>
  new HoldfastError(
    "NOT_FOUND",
    id === undefined
      ? `sequence is ${sequence}, expected 1 to ${room.durableNext - 1} in room ${room.name}`
      : `id ${JSON.stringify(id)} is not among the newest ${SEARCHED_MAX} messages of room ${room.name}`,
  );
