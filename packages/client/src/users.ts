import { packBody } from "./body.js";
import { checkArgs } from "./check.js";
import type { Holdfast } from "./client.js";
import { HoldfastError } from "./errors.js";
import type { Receipt } from "./message.js";
import { randomName } from "./random.js";
import { RESENDS_MS } from "./resends.js";
import type { AddRoomHandler, EmitOptions, RoomDelivery, RoomGap } from "./room.js";
import { INBOX } from "./rooms/inbox.js";

/** A user, where a text would be the name of a room. */
export interface UserName {
  readonly user: string;
}

export type TargetName = string | UserName;

/** What a handler is told of a message of the inbox. */
export type InboxDelivery = Omit<RoomDelivery, "room"> & UserName;

export type InboxGap = Omit<RoomGap, "room"> & UserName;

/** The messages for this user alone. Handlers are called, and messages acked, as those of a room are. */
export interface Inbox {
  readonly on: AddRoomHandler<InboxDelivery>;
  off(event: string, handler?: (...args: never[]) => unknown): Promise<void>;
  onGap(listener: (gap: InboxGap) => unknown): Promise<void>;
}

/**
 * @example
 * await to(holdfast, "kitchen", user("bob")).emit("order", { table: 4 });
 */
export const user = (name: string): UserName => ({ user: name });

/**
 * The inbox of the user that the connection belongs to. With the first handler or gap listener this client becomes a device.
 *
 * @example
 * import { inbox } from "holdfast-client/users";
 * inbox(holdfast).on("note", async (note, { sender }) => show(note, sender));
 */
export const inbox = (holdfast: Holdfast): Inbox => holdfast.room(INBOX, /@inbox/) as unknown as Inbox;

/** Rooms and users that an event goes to, in one commit; each call returns another one. */
export class Audience {
  readonly #holdfast: Holdfast;
  readonly #to: readonly TargetName[];
  readonly #except: readonly TargetName[];

  constructor(holdfast: Holdfast, targets: readonly TargetName[], except: readonly TargetName[]) {
    this.#holdfast = holdfast;
    this.#to = targets;
    this.#except = except;
  }

  /** Goes there too. Who is reached through several gets it once, through the first of them. */
  to(...targets: TargetName[]): Audience {
    return new Audience(this.#holdfast, [...this.#to, ...targets], this.#except);
  }

  /** Leaves out these users, and the members of these rooms. */
  except(...targets: TargetName[]): Audience {
    return new Audience(this.#holdfast, this.#to, [...this.#except, ...targets]);
  }

  /**
   * Stores an event in all of them, or in none. It does not take the way of the outbox, and has no order with what `Room.emit`
   * sends; after a lost connection it is sent again under the same id.
   *
   * @param args JSON values or buffers, not to be changed until this resolves
   * @returns resolves to the receipts, in the order of rooms and users, once it survives a crash of the server
   * @throws HoldfastError by rejection. `UNKNOWN`: no answer came for so long that sending it again might store it twice
   */
  emit(event: string, ...args: unknown[]): Promise<Receipt[]> {
    return this.emitWith({}, event, ...args);
  }

  /** As `emit`, with options. */
  async emitWith(options: Omit<EmitOptions, "except" | "signal" | "timeoutMs">, event: string, ...args: unknown[]): Promise<Receipt[]> {
    const { requests } = this.#holdfast.host;
    if (this.#to.length === 0) throw new HoldfastError("BAD_REQUEST", "rooms is [], expected rooms and users");
    checkArgs(args);
    // What cannot be written would fail everything that is sent with it.
    packBody(args);
    const payload = { rooms: this.#to, except: this.#except, event, args, id: randomName(4), ...options };
    const until = Date.now() + RESENDS_MS;
    const { receipts } = await requests.send("holdfast:emit", payload, () => Date.now() < until);
    return receipts as Receipt[];
  }
}

/**
 * Several rooms and users, in Socket.IO's grammar. An entry of its own, so that an application that does not need it does
 * not load it.
 *
 * @example
 * import { to, user } from "holdfast-client/users";
 * await to(holdfast, "kitchen", user("bob")).except("bar").emit("order", { table: 4 });
 */
export const to = (holdfast: Holdfast, ...targets: TargetName[]): Audience => new Audience(holdfast, targets, []);
