import { z } from "zod";
import { Broadcast } from "./broadcast.js";
import type { Broker } from "./broker.js";
import type { EmitOptions } from "./emit.js";
import type { Page } from "./engine.js";
import type { PresenceChange } from "./presence-watcher.js";
import type { Receipt } from "./publish.js";
import type { RoomAddress, RoomMemberInfo, RoomStats } from "./room-engine.js";
import { memberObject } from "./room-names.js";
import { roomName, roomOptions } from "./room-options.js";
import type { PresenceEntry } from "./rooms.js";
import type { Settings } from "./settings.js";
import { checkFunction, validate } from "./validate.js";

const pageOptions = z.strictObject({ after: z.int().min(0).default(0), limit: z.int().min(1).max(1_000).default(100) });

/** What `define` and `room(name, options)` take. */
export type RoomOptionsInput = z.input<typeof roomOptions>;

/** A user, or a queue that the room feeds. */
export type RoomMemberInput = z.input<typeof memberObject>;

/** A member of a room. */
export type MemberEntry =
  | {
      readonly user: string;
      /** Sequence of the first message that is for it. */
      readonly since: number;
      /** How many devices of it are known. */
      readonly devices: number;
      /** Whether one of them is connected. */
      readonly online: boolean;
    }
  | { readonly queue: string; readonly since: number };

/** What became of a message with each user it was for; the users are those of a page. */
export interface Ledger {
  readonly counts: { readonly delivered: number; readonly pending: number; readonly failed: number };
  readonly delivered: readonly string[];
  readonly pending: readonly string[];
  /** Their devices let it run out of deliveries. */
  readonly failed: readonly string[];
  readonly next?: number;
}

/**
 * A durable room, from inside the server's process. Each message goes to every member, in order, also to those who are
 * away now.
 *
 * @example
 * const kitchen = holdfast.room("kitchen", { retention: { maxAgeMs: 86_400_000 } });
 * await kitchen.add({ user: "bob" });
 * await kitchen.emit("order", { table: 4 });
 */
export class Room {
  readonly name: string;
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #address: RoomAddress;
  readonly #options: RoomOptionsInput | undefined;
  /** Kept once it resolved, so that every call waits for the same and none overtakes another. */
  #defined: Promise<void> | undefined;

  constructor(broker: Broker, settings: Settings, namespace: string, name: string, options: RoomOptionsInput | undefined) {
    this.name = validate(roomName, name, "room");
    this.#broker = broker;
    this.#settings = settings;
    this.#address = { namespace, room: this.name };
    this.#options = options === undefined ? undefined : validate(roomOptions, options, "options");
  }

  /** Resolves when the options given to `room(name, options)` are in force; tried again by the next call when it failed. */
  #ready(): Promise<void> | undefined {
    if (this.#options === undefined) return undefined;
    this.#defined ??= this.#broker.rooms.define(this.#address, this.#options).catch((error: unknown) => {
      this.#defined = undefined;
      throw error;
    });
    return this.#defined;
  }

  /**
   * Stores an event for every member. Emits of one process to one room are stored in the order of the calls.
   *
   * @param event 1 to 256 bytes; none of Socket.IO's own (`connect`, `disconnect`, ...) and none that begins with `holdfast:`
   * @param args JSON values, possibly with up to 10 buffers in them; 256 KiB with all that comes with them
   * @returns its receipt, once the message survives a crash
   *
   * Fails as `Queue.publish`. For an id, headers or a time to live: `with`.
   *
   * @example
   * const { id, sequence } = await kitchen.emit("order", { table: 4 });
   */
  async emit(event: string, ...args: unknown[]): Promise<Receipt> {
    return this.#emit({}, event, args);
  }

  /**
   * The same room for an event of which more is said.
   *
   * @param options `id`: emitted again within 10 minutes, it gives the first receipt; `key`, `headers`, `ttlMs`
   *
   * @example
   * await kitchen.with({ id: "order-17" }).emit("order", { table: 4 });
   */
  with(options: EmitOptions): Pick<Room, "emit"> {
    return { emit: (event, ...args) => this.#emit(options, event, args) };
  }

  async #emit(options: EmitOptions, event: string, args: readonly unknown[]): Promise<Receipt> {
    const ready = this.#ready();
    if (ready !== undefined) await ready;
    const { namespace, room } = this.#address;
    const [receipt] = await new Broadcast(this.#broker, this.#settings, namespace, [room]).with(options).emit(event, ...args);
    return receipt as Receipt;
  }

  /**
   * Makes a user a member, or a queue, which the room then feeds. Again changes nothing.
   *
   * @returns the sequence of the first message that is for it, once that survives a crash
   *
   * Fails with `BAD_REQUEST`, `NOT_FOUND` (only when nothing is created by itself), `TOO_LARGE`, and as every call with
   * `DISK_FULL`, `ENGINE_UNAVAILABLE`, `SHUTTING_DOWN`, or `UNKNOWN` when it may have happened.
   *
   * @example
   * await kitchen.add({ queue: "orders" });
   */
  async add(member: RoomMemberInput): Promise<number> {
    const checked = validate(memberObject, member, "member");
    const ready = this.#ready();
    if (ready !== undefined) await ready;
    return this.#broker.rooms.addMember(this.#address, checked);
  }

  /** Removes a member with all its devices; one that is none changes nothing. */
  async remove(member: RoomMemberInput): Promise<void> {
    const checked = validate(memberObject, member, "member");
    const ready = this.#ready();
    if (ready !== undefined) await ready;
    await this.#broker.rooms.removeMember(this.#address, checked);
  }

  /** Members in the order in which they came: up to `limit` (100, at most 1,000), after `after`. `NOT_FOUND` when there is no such room. */
  async members(options: { readonly after?: number; readonly limit?: number } = {}): Promise<Page<MemberEntry, number>> {
    const { after, limit } = validate(pageOptions, options, "options");
    const page = await this.#broker.rooms.members(this.#address, after, limit);
    return { ...page, items: page.items.map(memberEntry) };
  }

  /**
   * Users that are connected now, with the names of their devices; a page may be shorter than `limit`, or empty, and have
   * a `next`. `NOT_FOUND` when there is no such room.
   */
  async presence(options: { readonly after?: number; readonly limit?: number } = {}): Promise<Page<PresenceEntry, number>> {
    const { after, limit } = validate(pageOptions, options, "options");
    return this.#broker.rooms.presencePage(this.#address, after, limit);
  }

  /**
   * Calls `listener` with what changes from now on of who is in the room and here: at most 4 times a second, what came
   * between is told together. A user whose last device left is here for 2 s more. `NOT_FOUND` when there is no such room.
   *
   * @param listener called with undefined when changes were missed, because the engine began anew or the room is gone
   * @returns how to end that
   *
   * @example
   * const stop = await kitchen.watchPresence((changes) => console.log(changes));
   */
  async watchPresence(listener: (changes: readonly PresenceChange[] | undefined) => void): Promise<() => void> {
    checkFunction("listener", listener);
    await this.#ready();
    const { presence } = this.#broker.rooms;
    const watcher = {
      user: undefined,
      hasRoom: () => true,
      whenRoom: (wake: () => void) => wake(),
      tell: (_room: string, changes: readonly PresenceChange[]) => listener(changes),
      askAgain: () => listener(undefined),
      ended: () => {},
    };
    presence.watch(this.#address, watcher);
    return () => presence.unwatch(this.#address, watcher);
  }

  /**
   * What became of a message with each user who is a member now and whom it is for: a member when it was emitted, or one whose
   * join began with it or before it. Any device of a user counts.
   *
   * @param options `limit`: users of the page, 100, at most 1,000; `after`: the `next` of the page before
   *
   * `NOT_FOUND` when there is no such message, or not any more.
   *
   * @example
   * const { counts, pending } = await kitchen.receipts("order-17");
   */
  async receipts(id: string, options: { readonly after?: number; readonly limit?: number } = {}): Promise<Ledger> {
    const { after, limit } = validate(pageOptions, options, "options");
    const { namespace, room } = this.#address;
    const { counts, delivered, pending, failed, next } = await this.#broker.rooms.ledger(namespace, { room }, id, after, limit);
    return { counts, delivered, pending, failed, ...(next === undefined ? undefined : { next }) };
  }

  /** Creates the room, or changes the given options; the others keep their value. */
  async define(options: RoomOptionsInput): Promise<void> {
    await this.#broker.rooms.define(this.#address, validate(roomOptions, options, "options"));
  }

  /** Counts of the room; `NOT_FOUND` when there is none. */
  async stats(): Promise<RoomStats> {
    return this.#broker.rooms.stats(this.#address);
  }

  /** Removes the room with its messages and members. `NOT_FOUND` when there is none. */
  async delete(): Promise<void> {
    this.#defined = undefined;
    await this.#broker.rooms.remove(this.#address);
  }
}

/** A member as it is shown; a queue is always there. */
export const memberEntry = ({ member, since, devices, online }: RoomMemberInfo): MemberEntry =>
  member.queue === undefined ? { user: member.user, since, devices, online: online > 0 } : { queue: member.queue, since };
