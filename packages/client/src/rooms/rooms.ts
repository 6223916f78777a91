import type { Socket } from "socket.io-client";
import type { Connection, Party } from "../connection.js";
import type { Host } from "../host.js";
import type { Room, RoomDelivery, RoomGap } from "../room.js";
import { ClientRoom } from "./client-room.js";
import type { Callback } from "./work.js";

/** What is used of Socket.IO's client beyond its public interface. */
interface SocketInternals {
  /** Hands an event with its arguments, and the callback as the last of them, to the listeners. */
  emitEvent(args: readonly unknown[]): void;
}

/**
 * The rooms of a client. Their messages are taken out of the events of the socket before any listener sees them; all
 * other events go on as they were. They are told by the argument that `meta: true` asks for, which the CONNECT packet
 * does, since messages come right after it, and each join for the connection it is made on.
 */
export class Rooms implements Party {
  readonly #host: Host;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #rooms = new Map<string, ClientRoom>();
  /** What the CONNECT packet says beside what the application does. */
  readonly #said: { readonly meta: true; device?: string } = { meta: true };
  /** The application's function for `auth`, as it is wrapped here. */
  #auth: Socket["auth"] | undefined;
  #closing = false;

  constructor(host: Host, socket: Socket, auth: Socket["auth"]) {
    this.#host = host;
    this.#connection = host.connection;
    this.#socket = socket;
    const internals = socket as unknown as SocketInternals;
    const emitEvent = internals.emitEvent.bind(socket);
    internals.emitEvent = (args) => {
      if (!this.#take(args)) emitEvent(args);
    };
    socket.auth = auth;
    this.#say();
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

  /** The next connections are that device from the beginning. */
  become(device: string | undefined): void {
    if (device !== undefined) this.#said.device = device;
    this.#say();
  }

  #say(): void {
    const { auth } = this.#socket;
    if (typeof auth !== "function") {
      this.#socket.auth = { ...auth, ...this.#said };
    } else if (auth !== this.#auth) {
      this.#auth = (send) => auth((data) => send({ ...data, ...this.#said }));
      this.#socket.auth = this.#auth;
    }
  }

  /** Takes a message or gap of one of these rooms; false for any other event. */
  #take(args: readonly unknown[]): boolean {
    const callback = args.at(-1);
    if (this.#closing || typeof callback !== "function") return false;
    const [event] = args;
    const about = args.at(-2);
    if (event === "holdfast:gap") {
      const gap = about as RoomGap;
      return this.#rooms.get(gap.room)?.takeGap(gap, callback as Callback) === true;
    }
    if (!isDelivery(about)) return false;
    return this.#rooms.get(about.room)?.take(String(event), args.slice(1, -2), about, callback as Callback) === true;
  }

  onReady(): void {
    const { auth } = this.#socket;
    if (auth !== this.#auth && (typeof auth === "function" || auth?.meta !== true)) {
      // The application gave the socket another `auth`, so this connection does not know.
      this.#say();
      const { device } = this.#said;
      for (const room of this.#rooms.values()) if (room.joined) room.join({ device }).catch(() => {});
    }
  }

  /** No handler is at work. */
  get idle(): boolean {
    return [...this.#rooms.values()].every((room) => room.idle);
  }

  leave(): void {
    this.#closing = true;
  }

  onRefused(): void {}
}

function isDelivery(value: unknown): value is RoomDelivery {
  const { id, room, sequence, redelivered } = (value ?? {}) as Partial<RoomDelivery>;
  return typeof id === "string" && typeof room === "string" && typeof sequence === "number" && typeof redelivered === "boolean";
}
