import { checkName } from "../check.js";
import type { Reply } from "../connection.js";
import { NAME_PATTERN } from "../names.js";
import type { Page } from "../page.js";
import type { Requests } from "../requests.js";
import type { RoomMember, RoomReceipts } from "../room.js";
import { remove } from "./removal.js";

/** Options of a room; those left out keep their value. */
export interface RoomOptions {
  /** How long it keeps messages, whoever got them or not; each bound holds by itself, 0: no such bound. Default: 7 days. */
  readonly retention?:
    | {
        readonly maxAgeMs?: number | undefined;
        readonly maxMessages?: number | undefined;
        readonly maxBytes?: number | undefined;
      }
    | undefined;
  /** Of a message that a device let run out of deliveries: it is passed and told as a gap (`dead-letter`, default), or holds the device (`block`). */
  readonly poison?: "dead-letter" | "block" | undefined;
}

/** Counts of a room. */
export interface RoomStats {
  /** Messages it has, and the bytes of their records. */
  readonly messages: number;
  readonly bytes: number;
  /** Emitted since it was created, and of those gone by retention. */
  readonly published: number;
  readonly expired: number;
  readonly members: number;
  /** Devices that are known, and those connected now. */
  readonly devices: number;
  readonly online: number;
  /** The lowest sequence it has, and the next one that it will give. */
  readonly head: number;
  readonly next: number;
  readonly oldestAgeMs: number;
}

interface PageOptions {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

/**
 * A durable room, as whoever runs it looks after it. Every call waits for a connection, and rejects with the server's error.
 *
 * @example
 * await admin(holdfast).room("kitchen").add({ queue: "orders" });
 */
export class AdminRoom {
  readonly name: string;
  readonly #requests: Pick<Requests, "send">;

  /** @internal */
  constructor(name: string, requests: Pick<Requests, "send">) {
    checkName("room", name, NAME_PATTERN);
    this.name = name;
    this.#requests = requests;
  }

  /** Creates the room, or changes the given options; the others keep their value. */
  async define(options: RoomOptions): Promise<void> {
    await this.#ask("define", options);
  }

  /** Removes the room with its messages and members. `NOT_FOUND` when there is none. */
  delete(): Promise<void> {
    return remove((mayResend) => this.#ask("delete", undefined, mayResend));
  }

  /** `NOT_FOUND` when there is no such room. */
  stats(): Promise<RoomStats> {
    return this.#ask("stats") as Promise<unknown> as Promise<RoomStats>;
  }

  /** Makes a user a member, or a queue, which the room feeds then. Again changes nothing. */
  async add(member: { readonly user: string } | { readonly queue: string }): Promise<void> {
    await this.#ask("add", { member });
  }

  /** Ends a membership, of a user with all its devices. Again changes nothing. */
  async remove(member: { readonly user: string } | { readonly queue: string }): Promise<void> {
    await this.#ask("remove", { member });
  }

  /** Members in the order in which they came, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such room. */
  members(page?: PageOptions): Promise<Page<RoomMember, number>> {
    return this.#ask("members", page) as Promise<unknown> as Promise<Page<RoomMember, number>>;
  }

  /** Users that are connected now, with the names of those devices; a page may be short, or empty, and have a `next`. */
  presence(page?: PageOptions): Promise<Page<{ readonly user: string; readonly devices: readonly string[] }, number>> {
    return this.#ask("presence", page) as Promise<unknown> as Promise<Page<{ user: string; devices: string[] }, number>>;
  }

  /**
   * What became of a message with each user, 1,000 of them a page. `FORBIDDEN` unless this client emitted it, or was granted
   * `admin` of the room; `NOT_FOUND` when it is not kept.
   */
  receipts(id: string, page?: PageOptions): Promise<RoomReceipts> {
    return this.#ask("receipts", { id, ...page }) as Promise<unknown> as Promise<RoomReceipts>;
  }

  #ask(operation: string, fields?: object, mayResend?: () => boolean): Promise<Reply> {
    return this.#requests.send(`holdfast:${operation}`, { room: this.name, ...fields }, mayResend);
  }
}
