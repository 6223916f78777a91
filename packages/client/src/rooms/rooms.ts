import type { Socket } from "socket.io-client";
import type { Connection, Party } from "../connection.js";
import { HoldfastError } from "../errors.js";
import type { Host } from "../host.js";
import { NAME_PATTERN } from "../names.js";
import type { Room, RoomDelivery, RoomGap } from "../room.js";
import { ClientRoom } from "./client-room.js";
import type { Watches } from "./watches.js";
import type { Callback } from "./work.js";

/** What is used of Socket.IO's client beyond its public interface. */
interface SocketInternals {
  /** Hands an event with its arguments, and the callback as the last of them, to the listeners. */
  emitEvent(args: readonly unknown[]): void;
}

/**
 * The rooms of a client. Their messages are taken out of the events of the socket before any listener sees them; all
 * other events go on as they were. They are told by the argument that `meta: true` of hello asks for.
 *
 * The client is no device, and gets nothing of any room, until a room is joined or listened to.
 */
export class Rooms implements Party {
  readonly #host: Host;
  readonly #connection: Connection;
  readonly #socket: Socket;
  readonly #rooms = new Map<string, ClientRoom>();
  /** This connection was not told what this client is by now. */
  #unsaid = false;
  #closing = false;
  #watches: Promise<Watches> | undefined;

  constructor(host: Host, socket: Socket) {
    this.#host = host;
    this.#connection = host.connection;
    this.#socket = socket;
    const internals = socket as unknown as SocketInternals;
    const emitEvent = internals.emitEvent.bind(socket);
    internals.emitEvent = (args) => {
      if (!this.#take(args)) emitEvent(args);
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
    if (device !== undefined && !NAME_PATTERN.test(device)) {
      throw new HoldfastError("BAD_REQUEST", `device is ${JSON.stringify(device)}, expected ${NAME_PATTERN.source}`);
    }
    this.#connection.greeting = { ...greeting, rooms: { meta: true, device } };
    // Hello may be on its way without it.
    this.#unsaid = this.#socket.connected;
    if (this.#connection.ready) this.onReady();
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
    if (!this.#unsaid) return;
    this.#unsaid = false;
    // A server that does not answer it is lost, and the next connection says it from the beginning.
    this.#connection.request("holdfast:hello", this.#connection.greeting, () => undefined);
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
