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

/** Messages that this device will never get: `from` to `to`, both included. */
export interface RoomGap {
  readonly room: string;
  readonly from: number;
  readonly to: number;
  /** `retention`: not kept any more; `attempts`: delivered 5 times and not acknowledged; `expired`: out of their time to live. */
  readonly reason: "retention" | "attempts" | "expired";
}

export interface JoinOptions {
  /** Where a device begins that the room does not know: with what comes next (default), with the oldest, or at a sequence. */
  readonly from?: "new" | "earliest" | number | undefined;
  /** Which device of the user this client is, in all rooms; 1 to 128 of `A-Z a-z 0-9 . _ : -`. Default: that of `auth`. */
  readonly device?: string | undefined;
}

/** What may accompany an event, and how long its receipt is waited for. */
export interface EmitOptions extends WaitOptions {
  /** Your own id, up to 128 bytes: emitted again within 10 minutes, it is stored once. */
  readonly id?: string | undefined;
  /** Ordering key in the queues that the room feeds: up to 256 bytes. */
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  /** Nobody gets it once this time after it was stored is over: 0 (for ever) to 31,536,000,000. */
  readonly ttlMs?: number | undefined;
  /** Users, and rooms whose members, get nothing of it: up to 1,000. */
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

/** A member: a user or a queue, and the first sequence that is for it. */
export type RoomMember =
  | { readonly user: string; readonly since: number; readonly devices: number; readonly online: boolean }
  | { readonly queue: string; readonly since: number };

interface PageOptions {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

/**
 * A durable room, as this client sees it: every member gets every message, in order, also what came while it was away.
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
   *
   * @returns resolves when it is in place: nothing that comes until then is lost
   *
   * @example
   * kitchen.on("order", async (order, delivery) => { await show(order); });
   */
  on<Args extends readonly unknown[] = readonly [unknown]>(event: string, handler: RoomHandler<Args>): Promise<void>;

  /** Removes a handler, or all of an event. */
  off(event: string, handler?: (...args: never[]) => unknown): Promise<void>;

  /** Calls `listener` for what will never come. It is told again until the listener returned, also to later connections. */
  onGap(listener: (gap: RoomGap) => unknown): Promise<void>;

  /**
   * Stores an event for all members, those of this user too. Emits to a room are stored in the order of the calls; one
   * waits for the receipt of the one before. While the server is away it waits, and it is sent again with the same id.
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

  /** Members in the order in which they came, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such room. */
  members(page?: PageOptions): Promise<Page<RoomMember, number>>;

  /** Users that are connected now, with the names of those devices; a page may be short, or empty, and have a `next`. */
  presence(page?: PageOptions): Promise<Page<{ readonly user: string; readonly devices: readonly string[] }, number>>;
}
