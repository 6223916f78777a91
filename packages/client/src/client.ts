import { io, type Socket } from "socket.io-client";
import { Host } from "./host.js";
import { type ConnectOptions, type HoldfastOptions, type Settings, settingsOf } from "./options.js";
import { Queue } from "./queue.js";
import type { Room } from "./room.js";
import { roomOf } from "./rooms/load.js";
import type { Rooms } from "./rooms/rooms.js";

/**
 * Connects to a server; returns at once and connects, and reconnects, in the background. WebSocket only, unless
 * `transports` says otherwise.
 *
 * What Socket.IO does not try again by itself (the server cut the connection on purpose, or refused it in a middleware:
 * see the events `disconnect` and `connect_error` of `holdfast.socket`) is not tried again here either, unless the refusal says
 * that it may be (`data.retryable`); the outbox waits until the application calls `holdfast.socket.connect()`.
 *
 * @param url the server's address; its path is the namespace
 * @param options those of a Socket.IO client, such as `auth`, and the limits of the outbox
 * @throws HoldfastError `BAD_REQUEST` for an option out of range
 *
 * @example
 * const holdfast = connect("https://example.org/orders", { auth: { token } });
 */
export function connect(url: string, options: ConnectOptions = {}): Holdfast {
  const settings = settingsOf(options);
  return new Holdfast(io(url, { transports: ["websocket"], ...options }), settings);
}

/**
 * Adds Holdfast to a socket that exists. `close()` of the result disconnects it.
 *
 * @throws HoldfastError `BAD_REQUEST` for an option out of range
 *
 * @example
 * const holdfast = wrap(io("https://example.org"));
 */
export function wrap(socket: Socket, options: HoldfastOptions = {}): Holdfast {
  return new Holdfast(socket, settingsOf(options));
}

/** A client of a Holdfast server, in one namespace. */
export class Holdfast {
  /** The Socket.IO socket, free for events of your own. */
  readonly socket: Socket;
  /** @internal */
  readonly host: Host;
  #rooms: Promise<Rooms> | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(socket: Socket, settings: Settings) {
    this.socket = socket;
    this.host = new Host(socket, settings);
  }

  /**
   * A queue by name; nothing is sent.
   *
   * @throws HoldfastError `BAD_REQUEST` unless the name is 1 to 128 of `A-Z a-z 0-9 . _ : -`
   */
  queue<Body = unknown>(name: string): Queue<Body> {
    return new Queue<Body>(name, this.host);
  }

  /**
   * A durable room by name; nothing is sent. Once a room is joined or listened to, this client is a device of its user, and
   * what the user's rooms have for it comes; not before.
   *
   * @throws HoldfastError `BAD_REQUEST` unless the name is 1 to 128 of `A-Z a-z 0-9 . _ : -`
   */
  room(name: string, /** @internal That of the inbox is no room's. */ pattern?: RegExp): Room {
    // A chunk of its own. Nothing of any room comes meanwhile: this client is no device yet.
    this.#rooms ??= import("./rooms/rooms.js").then((chunk) => new chunk.Rooms(this));
    return roomOf(name, this.#rooms, pattern);
  }

  /**
   * Drains and disconnects: publishes fail with `SHUTTING_DOWN` from now on; what was published or emitted is confirmed, running
   * handlers finish, settlements are answered, consumers are cancelled.
   *
   * @param options `timeoutMs`: how long that may take, in milliseconds; by default as long as the socket tries to
   *   stay connected. What is unconfirmed then fails: with `SHUTTING_DOWN` if it was never sent, else with `UNKNOWN`
   */
  close({ timeoutMs = Number.POSITIVE_INFINITY }: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    const { connection, stored } = this.host;
    const close = (): Promise<void> => connection.close(performance.now() + timeoutMs);
    // What was asked of rooms before is begun once they are loaded, and counts.
    this.#closing ??= (this.#rooms?.then(close, close) ?? close()).then(async () => (await stored)?.close());
    return this.#closing;
  }
}
