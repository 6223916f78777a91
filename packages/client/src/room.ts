import type { Receipt, WaitOptions } from "./message.js";
import type { Page } from "./page.js";
import type { Headers } from "./record.js";

/** What a handler is told of a message. */
export interface RoomDelivery {
  readonly id: string;
  readonly room: string;
  readonly sequence: number;
  /** It came before, here or to an earlier connection of this device. */
  readonly redelivered: boolean;
  /** The user who emitted it; undefined when the server did. */
  readonly sender?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
}

/** Called with the arguments of the event, then what is known of the message. */
export type RoomHandler<Args extends readonly unknown[] = readonly unknown[]> = (...args: [...Args, RoomDelivery]) => unknown;

/**
 * Adds a handler, whose parameters say what the arguments of the event are, or the type argument does: `on<[Order, string]>`.
 * In that order, so that what has no type of its own is an argument and what is known of the message, as most events have it.
 */
export interface AddRoomHandler<Told> {
  <Argument, Delivery extends Told>(event: string, handler: (argument: Argument, delivery: Delivery) => unknown): Promise<void>;
  <Args extends readonly unknown[]>(event: string, handler: (...args: [...Args, Told]) => unknown): Promise<void>;
  <First, Second, Rest extends readonly unknown[]>(
    event: string,
    handler: (first: First, second: Second, ...rest: Rest) => unknown,
  ): Promise<void>;
}

/** Messages that this device will never get: all from `from` to `to`, both included, or `count` of those. */
export interface RoomGap {
  readonly room: string;
  readonly from: number;
  readonly to: number;
  /** `retention`: not kept any more; `attempts`: delivered 5 times and not acknowledged; `expired`: out of their time to live. */
  readonly reason: "retention" | "attempts" | "expired";
  /** Given when many gaps waited and some became one: so many of these messages will never come, the others came or still come. */
  readonly count?: number | undefined;
}

export interface JoinOptions {
  /**
   * Where a device begins: with what comes (default), with the oldest, or at a sequence. For who becomes a member by it, and for
   * a later device of a member that never joined the room or answered a message of it, which also gets what came since it was first here.
   */
  readonly from?: "new" | "earliest" | number | undefined;
  /** Which device of the user this client is, in all rooms; 1 to 128 of `A-Z a-z 0-9 . _ : -`. Default: that of `auth`. */
  readonly device?: string | undefined;
}

/** What may accompany an event, and how long its receipt is waited for. */
export interface EmitOptions extends WaitOptions {
  /** Your own id, up to 128 bytes: emitted again within 10 minutes, whoever emits it, it is stored once. */
  readonly id?: string | undefined;
  /** Ordering key in the queues that the room feeds: up to 256 bytes. */
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  /** Nobody gets it once this time after it was stored is over: 0 (for ever) to 31,536,000,000. */
  readonly ttlMs?: number | undefined;
  /** Users, and rooms whose members, get nothing of it: up to 1,000, of up to 65,535 bytes as JSON. */
  readonly except?: readonly (string | { readonly user: string })[] | undefined;
}

/** What became of a message with each user; the lists are those of a page, the counts of all. */
export interface RoomReceipts {
  readonly counts: { readonly delivered: number; readonly pending: number; readonly failed: number };
  readonly delivered: readonly string[];
  readonly pending: readonly string[];
  readonly failed: readonly string[];
  readonly next?: number | undefined;
}

/** A message of the past. */
export interface PastMessage {
  readonly id: string;
  readonly sequence: number;
  readonly event: string;
  readonly args: readonly unknown[];
  /** When the server stored it: milliseconds since 1970. */
  readonly publishedAt: number;
  readonly sender?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  /** Why its arguments, then none, could not be read. */
  readonly invalid?: string | undefined;
}

interface HistoryOptions {
  /** Only messages with a lower sequence than this. Default: from the newest on. */
  readonly before?: number | undefined;
  /** Messages of the page, 1 to 1,000; default 100. */
  readonly limit?: number | undefined;
}

/** A member: a user or a queue, and the first sequence that is for it. */
export type RoomMember =
  | { readonly user: string; readonly since: number; readonly devices: number; readonly online: boolean }
  | { readonly queue: string; readonly since: number };

/** What became of a user of a room. */
export interface PresenceChange {
  readonly user: string;
  /** Whether a device of the user is connected. */
  readonly online: boolean;
  /** Given when it became a member (true), or ceased to be one (false). */
  readonly member?: boolean;
}

/** Called with all who are in the room and connected now, and what changed since the last call; the first time with no change. */
export type PresenceListener = (online: readonly string[], changes: readonly PresenceChange[]) => unknown;

/** How many users have a message: each member but those who were excepted, this user too; any device of a user counts. */
export interface RoomMessageCounts {
  readonly id: string;
  readonly sequence: number;
  readonly counts: { readonly delivered: number; readonly pending: number; readonly failed: number };
}

/** Called with the messages whose counts changed, each with its counts now. */
export type ReceiptsListener = (messages: readonly RoomMessageCounts[]) => unknown;

/** Something that is watched until `stop`. */
export interface RoomWatch {
  stop(): Promise<void>;
}

interface PageOptions {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

/**
 * A durable room, as this client sees it: every member gets every message, in order, also what came while it was away.
 * With the first `join`, `on` or `onGap` this client becomes a device of its user, which what the user's rooms have is sent to.
 * What it takes to be in one is loaded when a client asks for its first room.
 *
 * @example
 * const kitchen = holdfast.room("kitchen");
 * kitchen.on("order", async (order, delivery) => show(order));
 * await kitchen.join();
 * await kitchen.emit("ready", { table: 4 });
 */
export interface Room {
  readonly name: string;

  /**
   * Makes the user a member; again, it changes nothing. A member stays one, also across reconnects and page loads, until
   * `leave`.
   *
   * @returns resolves to the first sequence that this device gets
   * @throws HoldfastError by rejection. `UNAUTHENTICATED`: the connection belongs to no user. `BAD_REQUEST`, `TOO_LARGE`: refused
   *
   * @example
   * await kitchen.join({ device: "phone", from: "earliest" });
   */
  join(options?: JoinOptions): Promise<number>;

  /** Ends the membership of the user, with all devices. Handlers stay, for when it joins again. */
  leave(): Promise<void>;

  /**
   * Calls `handler` for each message of that event, in order of sequence, without waiting for the one before. The message
   * is acked when all its handlers have returned, and nacked, to come again, when one threw. A message of an event without
   * a handler is acked; but as long as the room has no handler at all its messages wait. So add them all in one turn.
   * The types of the arguments are those that the handler gives them; nothing checks that what comes is of them.
   *
   * @returns resolves when it is in place: nothing that comes until then is lost
   *
   * @example
   * kitchen.on("order", async (order: Order, delivery) => { await show(order, delivery.sender); });
   * kitchen.on<[Order, string]>("changed", (order, why, delivery) => show(order, why));
   */
  readonly on: AddRoomHandler<RoomDelivery>;

  /** Removes a handler, or all of an event. */
  off(event: string, handler?: (...args: never[]) => unknown): Promise<void>;

  /**
   * Calls `listener` for what will never come. It is told again until the listener returned, also to later connections.
   * Nothing waits for that, so a room without a listener gets all else; what it missed waits for one.
   */
  onGap(listener: (gap: RoomGap) => unknown): Promise<void>;

  /**
   * Stores an event for all members, those of this user too. Emits of one turn travel together; emits to one room are stored
   * in the order of the calls. While the server is away they wait in the outbox, and are sent again with the same ids.
   *
   * @param args JSON values or buffers, as the body of a publish; not to be changed until this resolves
   * @returns resolves once the message survives a crash of the server
   * @throws HoldfastError by rejection, as `Queue.publish`
   */
  emit(event: string, ...args: unknown[]): Promise<Receipt>;

  /**
   * As `emit`, with options.
   *
   * @example
   * await kitchen.emitWith({ id: "order-17", except: [{ user: "bob" }], timeoutMs: 5_000 }, "order", { table: 4 });
   */
  emitWith(options: EmitOptions, event: string, ...args: unknown[]): Promise<Receipt>;

  /** Who got a message that this user emitted, 1,000 users a page. `FORBIDDEN` for another's, `NOT_FOUND` when it is not kept. */
  receipts(id: string, page?: PageOptions): Promise<RoomReceipts>;

  /**
   * What was emitted before, the newest first, for members: all that the room keeps. It acks nothing and moves no device on. A page may
   * be short, or empty, and have a `next`: continue with it as `before`.
   *
   * @throws HoldfastError by rejection. `FORBIDDEN`: the user is no member. `NOT_FOUND`: there is no such room
   *
   * @example
   * const { items, next } = await kitchen.history({ before: oldestShown, limit: 50 });
   */
  history(options?: HistoryOptions): Promise<Page<PastMessage, number>>;

  /** Members in the order in which they came, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such room. */
  members(page?: PageOptions): Promise<Page<RoomMember, number>>;

  /** Users that are connected now, with the names of those devices; a page may be short, or empty, and have a `next`. */
  presence(page?: PageOptions): Promise<Page<{ readonly user: string; readonly devices: readonly string[] }, number>>;

  /**
   * Calls `listener` with who is connected, now and whenever that changes: at most 4 times a second, and not for a user who
   * is away for less than 2 s. After a reconnect it goes on by itself, with what changed meanwhile. When this user is a
   * member no more, or the room is gone, it is called with nobody, for the last time. For members, else `FORBIDDEN`.
   *
   * @example
   * const watch = await kitchen.watchPresence((online, changes) => show(online));
   * await watch.stop();
   */
  watchPresence(listener: PresenceListener): Promise<RoomWatch>;

  /**
   * Calls `listener` with what became of messages that this user emitted, on whichever device, when it changes: at most 4
   * times a second, as long as they are pending with somebody. After a reconnect it goes on by itself. At most 1,000
   * messages of all rooms are watched; of more the one that was watched longest is given up.
   *
   * @param options `from`: also messages that were emitted before, from this sequence on: the newest 1,000 of this user among
   *   the newest 10,000 of the room. Without it only those that are emitted from now on
   * @throws HoldfastError by rejection. `NOT_FOUND`: there is no such room
   *
   * @example
   * await kitchen.watchReceipts((messages) => {
   *   for (const { id, counts } of messages) showTicks(id, counts.delivered, counts.delivered + counts.pending + counts.failed);
   * }, { from: oldestShown });
   */
  watchReceipts(listener: ReceiptsListener, options?: { readonly from?: number | undefined }): Promise<RoomWatch>;
}
