import type { Socket } from "socket.io-client";
import { checkName } from "../check.js";
import type { Connection, Party } from "../connection.js";
import type { Host } from "../host.js";
import { NAME_PATTERN } from "../names.js";
import type { Room, RoomDelivery, RoomGap } from "../room.js";
import { ClientRoom } from "./client-room.js";
import { INBOX } from "./inbox.js";
import { callbackFor } from "./passing-on.js";
import { isRoomFrame, type RoomFrame } from "./room-frame.js";
import { type Answers, Settling } from "./settling.js";
import type { Watches } from "./watches.js";

type Callback = (answer?: object) => void;

/** Characters of a reason; they are at most 1,024 bytes. */
const REASON_MAX = 340;

/** What is used of Socket.IO's client beyond its public interface. */
interface SocketInternals {
  /** Hands an event with its arguments, and the callback as the last of them, to the listeners. */
  emitEvent(args: readonly unknown[]): void;
}

/**
 * The rooms of a client. Their messages are taken out of the events of the socket before any listener sees them; all
 * other events go on as they were. Hello asks for frames; where messages come as events all the same, they are told by the
 * argument that `meta: true` asks for.
 *
 * The client is no device, and gets nothing of any room, until a room is joined or listened to.
 */
export class Rooms implements Party {
  readonly #host: Host;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #rooms = new Map<string, ClientRoom>();
  /** Of this connection. */
  #settling: Settling;
  #closing = false;
  /** To the listeners of the application. */
  readonly #emitEvent: SocketInternals["emitEvent"];
  #watches: Promise<Watches> | undefined;

  constructor({ host, socket }: { readonly host: Host; readonly socket: Socket }) {
    this.#host = host;
    this.#connection = host.connection;
    this.#socket = socket;
    this.#settling = new Settling(this.#connection);
    const internals = socket as unknown as SocketInternals;
    this.#emitEvent = internals.emitEvent.bind(socket);
    internals.emitEvent = (args) => {
      const left = this.#take(args);
      if (left !== undefined) this.#emitEvent(left);
    };
    this.#connection.join(this);
  }

  room(name: string): ClientRoom {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new ClientRoom(name, this, this.#host);
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** Calls a method of a room. */
  call(name: string, method: keyof Room & keyof ClientRoom, args: readonly never[]): unknown {
    return (this.room(name)[method] as (...args: readonly never[]) => unknown)(...args);
  }

  /** This client is a device from now on, of that name or the one that `auth` says; this connection and all that follow. */
  become(device: string | undefined): void {
    const { greeting } = this.#connection;
    const rooms = greeting.rooms || undefined;
    if (rooms !== undefined && (device === undefined || device === rooms.device)) return;
    if (device !== undefined) checkName("device", device, NAME_PATTERN);
    this.#connection.greeting = { ...greeting, rooms: { meta: true, frames: 1, device } };
    // A server that does not answer is lost, and the next connection says it from the beginning.
    if (this.#connection.ready) this.#connection.request("holdfast:hello", this.#connection.greeting, () => undefined);
  }

  /** A chunk of its own, loaded with the first watch. */
  get watches(): Promise<Watches> {
    this.#watches ??= import("./watches.js").then(
      ({ Watches }) => new Watches(this.#host, this.#socket),
      (error: unknown) => {
        this.#watches = undefined;
        throw error;
      },
    );
    return this.#watches;
  }

  /**
   * Takes a message or gap of one of these rooms, or a frame of messages. Any other event is returned as the application's
   * listeners are to have it: room messages as without a client library, so without the argument that is for this one.
   */
  #take(args: readonly unknown[]): readonly unknown[] | undefined {
    const [event, frame] = args;
    if (event === "holdfast:frame" && Array.isArray(frame)) return this.#takeFrame(frame);
    const callback = args.at(-1);
    if (this.#closing || typeof callback !== "function") return args;
    const about = args.at(-2);
    if (event === "holdfast:gap") {
      const gap = about as RoomGap;
      return this.#find(gap)?.takeGap(gap, () => callback()) === true ? undefined : args;
    }
    if (!isDelivery(about)) return args;
    const given = args.slice(1, -2);
    const taken = this.#find(about)?.take(String(event), given, about, answersBy(callback as Callback));
    return taken === true ? undefined : [event, ...given, callback];
  }

  #find({ room = INBOX }: { readonly room?: string }): ClientRoom | undefined {
    return this.#rooms.get(room);
  }

  #takeFrame(frame: readonly unknown[]): undefined {
    if (!isRoomFrame(frame)) this.#socket.io.engine.close();
    else if (!this.#closing) this.#handOut(frame);
  }

  #handOut([number, target, first, redelivered, messages]: RoomFrame): void {
    const answers = this.#settling.answersOf(number);
    const room = this.#find(target);
    let sequence = first;
    for (const [event, id, args, sender, key, headers] of messages) {
      const known = { id, ...target, sequence, redelivered, sender: sender ?? undefined, key: key ?? undefined, headers };
      const taken = room?.take(event, args, known as RoomDelivery, answers);
      if (taken !== true) this.#passOn([event, ...args, callbackFor(sequence, answers)]);
      sequence++;
    }
  }

  /** Hands a message to the listeners of the application, as the event that it would be without frames. */
  #passOn(args: readonly unknown[]): void {
    try {
      this.#emitEvent(args);
    } catch (error) {
      // Nobody catches what a listener throws; but the other messages of the frame are none of its business.
      setTimeout(() => {
        throw error;
      });
    }
  }

  onReady(): void {
    this.#settling.tell();
  }

  onLost(): void {
    this.#settling.end();
    this.#settling = new Settling(this.#connection);
    if (this.#closing) this.#settling.hurry();
  }

  /** No handler is at work, and what they did is told. */
  get idle(): boolean {
    return this.#settling.idle && [...this.#rooms.values()].every((room) => room.idle);
  }

  leave(): void {
    this.#closing = true;
    this.#settling.hurry();
  }

  onRefused(): void {}
}

function isDelivery(value: unknown): value is RoomDelivery {
  const { id, room, user, sequence, redelivered } = (value ?? {}) as Partial<RoomDelivery & { user: string }>;
  return typeof id === "string" && typeof (room ?? user) === "string" && typeof sequence === "number" && typeof redelivered === "boolean";
}

/** Answers by the callback of an event. */
const answersBy = (callback: Callback): Answers => ({
  ack: () => callback(),
  nack: (_sequence, { reason }) => callback({ nack: { reason: reason?.slice(0, REASON_MAX) } }),
});
