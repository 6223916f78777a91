import * as keys from "../core/keys.js";
import type { Device } from "../core/rooms/device.js";
import type { Room } from "../core/rooms/room.js";
import type { Rooms } from "../core/rooms/rooms.js";
import type { Entry, Store } from "../store.js";

/** Reads of all rooms that run at once. */
const READS_MAX = 4;
const STRETCH_ENTRIES = 1_024;

/** The stored block that has the sequence, with its key; undefined when the room does not have it any more. */
export async function readBlockOf(store: Store, room: Room, sequence: number): Promise<Entry | undefined> {
  const [entry] = await store.read({
    from: keys.blockKey(room.number, 0),
    to: keys.blockKey(room.number, sequence + 1),
    entriesMax: 1,
    bytesMax: 1,
    reverse: true,
  });
  return entry;
}

/** Reads what devices wait for that are behind, a stretch at a time; devices at the same place share a read. */
export class RoomReader {
  readonly #store: Store;
  readonly #rooms: Rooms;
  readonly #guard: (read: Promise<void>) => void;
  #running = 0;
  /** Sequences from which a room is being read. */
  readonly #reading = new Map<Room, Set<number>>();

  /** @param guard waits for a read; a failure of it is the engine's to handle */
  constructor(store: Store, rooms: Rooms, guard: (read: Promise<void>) => void) {
    this.#store = store;
    this.#rooms = rooms;
    this.#guard = guard;
  }

  /** Starts the reads that are wanted. */
  pump(): void {
    const { wanting } = this.#rooms.deliveries;
    for (const device of wanting) {
      if (this.#running >= READS_MAX) return;
      wanting.delete(device);
      if (!device.member.gone) this.#start(device);
    }
  }

  #start({ member: { room }, progress }: Device): void {
    const from = progress.sent;
    // Since it was to wait retention may have taken it to the end, where there is nothing to read.
    if (from >= room.durableNext) return;
    const reading = this.#reading.get(room) ?? new Set();
    if (reading.has(from)) return;
    reading.add(from);
    this.#reading.set(room, reading);
    this.#running++;
    this.#guard(this.#read(room, from));
  }

  async #read(room: Room, from: number): Promise<void> {
    try {
      const entries = await this.#stretch(room, from);
      // Meanwhile retention may have removed it; then the device is told so.
      if (entries.length === 0 && from >= room.head && !room.removed) {
        throw new Error(`room ${room.number} has no block with sequence ${from}, expected one from ${room.head} on`);
      }
      this.#rooms.fill(room, entries);
    } finally {
      this.#running--;
      const reading = this.#reading.get(room);
      reading?.delete(from);
      if (reading?.size === 0) this.#reading.delete(room);
    }
  }

  async #stretch(room: Room, from: number): Promise<readonly Entry[]> {
    const end = keys.blockKey(room.number, room.durableNext);
    const limits = { entriesMax: STRETCH_ENTRIES, bytesMax: this.#rooms.stretchBytes };
    const entries = await this.#store.read({ from: keys.blockKey(room.number, from), to: end, ...limits });
    const [first] = entries;
    if (first !== undefined && keys.positionOf(first[0]) === from) return entries;
    // It lies within a block.
    const entry = await readBlockOf(this.#store, room, from);
    return entry === undefined ? entries : [entry, ...entries];
  }
}
