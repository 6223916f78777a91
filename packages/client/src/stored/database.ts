import { type DBSchema, type IDBPDatabase, openDB, unwrap } from "idb";
import type { PackedBody } from "../body.js";
import type { MessageOptions } from "../message.js";

/** Where a message rests; in the order of a queue's numbers. A room's name stands behind `ROOM_MARK` in place of a queue's. */
export type MessageKey = [producer: string, queue: string, number: number];

/** A message as it was packed by `publish`. */
export interface KeptMessage {
  readonly id: string;
  readonly traits: number;
  readonly texts: readonly (string | undefined)[];
  readonly body: PackedBody;
  /** As it was given. */
  readonly timing: Pick<MessageOptions, "delayMs" | "notBefore" | "ttlMs"> | undefined;
  readonly bytes: number;
  readonly array: number;
}

/** A message that is to be kept, and where. */
export interface Row {
  readonly key: MessageKey;
  readonly message: KeptMessage;
}

/** What one producer has on one queue. */
export interface KeptQueue {
  readonly queue: string;
  /** The number of its next message. */
  readonly next: number;
  /** By number, rising. */
  readonly rows: readonly Row[];
}

interface Schema extends DBSchema {
  messages: { key: MessageKey; value: KeptMessage };
  /** The next number, by producer and queue. */
  numbers: { key: [producer: string, queue: string]; value: number };
}

/** Everything whose key begins with that producer: an array sorts behind every text and number. */
const allOf = (producer: string): IDBKeyRange => IDBKeyRange.bound([producer], [producer, []]);

/** The messages that a server has not confirmed, and the next numbers, in IndexedDB. */
export class Database {
  readonly #db: IDBPDatabase<Schema>;

  private constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  static async open(name: string): Promise<Database> {
    const db = await openDB<Schema>(name, 1, {
      upgrade(created) {
        created.createObjectStore("messages");
        created.createObjectStore("numbers");
      },
      // A later version of this library waits in another tab: it is better to be told so by the next write.
      blocking: () => db.close(),
    });
    return new Database(db);
  }

  /** Who has numbers here. */
  async producers(): Promise<string[]> {
    const keys = await this.#db.getAllKeys("numbers");
    return [...new Set(keys.map(([producer]) => producer))];
  }

  /** What that producer left; empty when it was forgotten. */
  async read(producer: string): Promise<KeptQueue[]> {
    const range = allOf(producer);
    const tx = this.#db.transaction(["messages", "numbers"]);
    const [ofMessages, ofNumbers] = [tx.objectStore("messages"), tx.objectStore("numbers")];
    const [keys, messages, owners, nexts] = await Promise.all([
      ofMessages.getAllKeys(range),
      ofMessages.getAll(range),
      ofNumbers.getAllKeys(range),
      ofNumbers.getAll(range),
    ]);
    const rowsOf = new Map<string, Row[]>(owners.map(([, queue]) => [queue, []]));
    messages.forEach((message, index) => {
      const key = keys[index];
      if (key !== undefined) rowsOf.get(key[1])?.push({ key, message });
    });
    return Array.from(rowsOf, ([queue, rows], index) => ({ queue, next: nexts[index] ?? 1, rows }));
  }

  /**
   * Resolves once all of it survives a crash of the page, the browser and the machine; rejects when none of it was stored.
   * A number that was sent and is not stored would be given to another message after a crash, hence the strictness.
   */
  async keep(producer: string, rows: readonly Row[], nexts: ReadonlyMap<string, number>): Promise<void> {
    const tx = this.#db.transaction(["messages", "numbers"], "readwrite", { durability: "strict" });
    // Bare requests: the transaction tells of a failure, so a promise for each message would be for nothing.
    const messages = unwrap(tx.objectStore("messages"));
    const numbers = unwrap(tx.objectStore("numbers"));
    for (const { key, message } of rows) messages.put(message, key);
    for (const [queue, next] of nexts) numbers.put(next, [producer, queue]);
    tx.commit();
    await tx.done;
  }

  /** Resolves once the messages will not be found any more after a crash of the page. */
  async forget(keys: readonly MessageKey[]): Promise<void> {
    const tx = this.#db.transaction("messages", "readwrite", { durability: "relaxed" });
    const messages = unwrap(tx.objectStore("messages"));
    for (const key of keys) messages.delete(key);
    tx.commit();
    await tx.done;
  }

  /** Forgets a producer and all it has: nobody may use it again. */
  async retire(producer: string): Promise<void> {
    const tx = this.#db.transaction(["messages", "numbers"], "readwrite");
    await Promise.all([tx.objectStore("messages").delete(allOf(producer)), tx.objectStore("numbers").delete(allOf(producer)), tx.done]);
  }

  close(): void {
    this.#db.close();
  }
}
