import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Holdfast } from "holdfast";
import { wrap } from "holdfast-client";
import { Server, type ServerOptions, type Socket } from "socket.io";
import { type Socket as ClientSocket, connect, type ManagerOptions, type SocketOptions } from "socket.io-client";
import { DurableTraffic } from "./durable-traffic.js";

export interface ClientOptions extends Partial<ManagerOptions & SocketOptions> {
  readonly namespace?: string;
  /** What consumes the durable traffic on this socket: plain events, `holdfast-client`, or nothing. */
  readonly consumes?: "plain" | "library" | "nothing";
}

/**
 * An application with a Socket.IO server of its own, Holdfast attached to `/` as anybody would do it, and durable traffic
 * on the very sockets that the test uses. `close` fails when any of that traffic was lost.
 */
export class Application {
  readonly io: Server;
  readonly holdfast: Holdfast;
  readonly url: string;
  readonly #traffic: DurableTraffic;
  readonly #clients: ClientSocket[] = [];

  private constructor(io: Server, holdfast: Holdfast, url: string) {
    this.io = io;
    this.holdfast = holdfast;
    this.url = url;
    this.#traffic = new DurableTraffic(holdfast);
  }

  static async open(options: Partial<ServerOptions> = {}): Promise<Application> {
    const http = createServer();
    const io = new Server(http, { serveClient: false, ...options });
    const holdfast = await Holdfast.open({ engine: "memory", disconnectGraceMs: 0 });
    holdfast.attach(io);
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(0, "127.0.0.1", resolve);
    });
    return new Application(io, holdfast, `http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  }

  /** A client that is not connected yet. */
  newClient({ namespace = "/", consumes = "plain", ...options }: ClientOptions = {}): ClientSocket {
    const url = namespace === "/" ? this.url : `${this.url}${namespace}`;
    const socket = connect(url, {
      transports: ["websocket"],
      forceNew: true,
      reconnection: false,
      reconnectionDelay: 10,
      reconnectionDelayMax: 20,
      autoConnect: false,
      ...options,
    });
    if (namespace === "/" && consumes === "plain") this.#traffic.consumeBy(socket);
    if (namespace === "/" && consumes === "library") this.#traffic.consumeWith(wrap(socket));
    this.#clients.push(socket);
    return socket;
  }

  /** A client that is connected, and known to the server's listeners. */
  async client(options: ClientOptions = {}): Promise<ClientSocket> {
    const socket = this.newClient(options);
    await connected(socket);
    return socket;
  }

  clients(count: number, options: ClientOptions = {}): Promise<ClientSocket[]> {
    return Promise.all(Array.from({ length: count }, () => this.client(options)));
  }

  /** The server's end of a connected client. */
  socketOf(client: ClientSocket, namespace = "/"): Socket {
    const socket = this.io.of(namespace).sockets.get(client.id ?? "");
    if (socket === undefined) throw new Error(`the server has no socket ${client.id}`);
    return socket;
  }

  /** Ends everything once all durable traffic was delivered and settled. */
  async close(): Promise<void> {
    await this.#traffic.finish();
    for (const client of this.#clients) client.disconnect();
    await this.holdfast.close();
    await this.io.close();
  }
}

/** Connects, or fails with why the server refused. */
export async function connected(socket: ClientSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
    socket.connect();
  });
}
