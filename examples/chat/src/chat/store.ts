import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Entry } from "./entry.js";

/** A room that this browser is in, and how much of it is here. */
export interface RoomState {
  readonly name: string;
  /** Everything from this sequence on is here. */
  readonly from: number;
  /** And the server has nothing before it. */
  readonly complete: boolean;
  /** The last sequence that somebody saw here. */
  readonly read: number;
}

interface Schema extends DBSchema {
  entries: { key: [room: string, sequence: number]; value: Entry };
  rooms: { key: string; value: RoomState };
}

/** Unread messages of a room that are counted. */
const UNREAD_MAX = 1_000;

interface Batch {
  readonly entries: Entry[];
  readonly written: Promise<void>;
}

/**
 * The messages of one user in this browser, in IndexedDB. A message is acknowledged to the server once it is in here: from
 * then on this copy is the one that counts for this device, and it is read again after a reload, also without a network.
 */
export class Store {
  readonly #database: IDBPDatabase<Schema>;
  /** What came in one turn of the event loop is written together: catching up on a thousand messages takes few writes. */
  #batch: Batch | undefined;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  static async open(user: string): Promise<Store> {
    const database = await openDB<Schema>(`chat of ${user}`, 1, {
      upgrade(made) {
        made.createObjectStore("entries", { keyPath: ["room", "sequence"] });
        made.createObjectStore("rooms", { keyPath: "name" });
      },
    });
    return new Store(database);
  }

  /** Resolves once they are on the disk. The same sequence again changes nothing that is seen. */
  put(...entries: readonly Entry[]): Promise<void> {
    if (this.#batch === undefined) {
      const collected: Entry[] = [];
      const written = new Promise<void>((resolve) => setTimeout(resolve)).then(() => {
        this.#batch = undefined;
        return this.#write(collected);
      });
      this.#batch = { entries: collected, written };
    }
    this.#batch.entries.push(...entries);
    return this.#batch.written;
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const transaction = this.#database.transaction("entries", "readwrite", { durability: "strict" });
    for (const entry of entries) void transaction.store.put(entry);
    await transaction.done;
  }

  /** The newest entries of a room before a sequence, in order. */
  async before(room: string, sequence: number, limit: number): Promise<Entry[]> {
    const entries: Entry[] = [];
    const range = IDBKeyRange.bound([room, 0], [room, sequence], false, true);
    let cursor = await this.#database.transaction("entries").store.openCursor(range, "prev");
    while (cursor !== null && entries.length < limit) {
      entries.push(cursor.value);
      cursor = await cursor.continue();
    }
    return entries.reverse();
  }

  /** How many messages of others a room has after a sequence. */
  async countUnread(room: string, sequence: number, user: string): Promise<number> {
    const range = IDBKeyRange.bound([room, sequence], [room, Number.POSITIVE_INFINITY], true);
    const entries = await this.#database.getAll("entries", range, UNREAD_MAX);
    return entries.filter((entry) => entry.kind === "message" && entry.sender !== user).length;
  }

  rooms(): Promise<RoomState[]> {
    return this.#database.getAll("rooms");
  }

  async putRoom(room: RoomState): Promise<void> {
    await this.#database.put("rooms", room);
  }

  /** Forgets a room with all its messages. */
  async removeRoom(name: string): Promise<void> {
    const transaction = this.#database.transaction(["rooms", "entries"], "readwrite");
    void transaction.objectStore("rooms").delete(name);
    void transaction.objectStore("entries").delete(IDBKeyRange.bound([name, 0], [name, Number.POSITIVE_INFINITY]));
    await transaction.done;
  }
}
