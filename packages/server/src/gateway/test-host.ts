import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectClient, type Holdfast as Client } from "holdfast-client";
import { Server, type ServerOptions } from "socket.io";
import { type Socket as ClientSocket, connect } from "socket.io-client";
import type { AttachOptions } from "../gateway.js";
import { Holdfast } from "../holdfast.js";
import type { HoldfastOptions } from "../settings.js";

/** A `holdfast:delivery` as a plain client gets it. */
export interface PlainDelivery {
  readonly consumer: string;
  readonly queue: string;
  readonly id: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly key?: string;
  readonly body: unknown;
  readonly token: string;
  readonly publishedAt: number;
  readonly leaseMs: number;
  readonly leaseUntil: number;
}

/** A reply as a plain client gets it. */
export type Reply = {
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly retryable: boolean };
} & Readonly<Record<string, unknown>>;

export type Answered = (delivery: PlainDelivery, callback: (...args: unknown[]) => void) => void;

/** A Socket.IO server with Holdfast on a memory engine, and clients of it; `close` ends them all. */
export class TestHost {
  readonly http: HttpServer;
  readonly io: Server;
  readonly holdfast: Holdfast;
  readonly #clients = new Set<ClientSocket>();
  readonly #ours = new Set<Client>();

  private constructor(http: HttpServer, io: Server, holdfast: Holdfast) {
    this.http = http;
    this.io = io;
    this.holdfast = holdfast;
  }

  static async open(
    options: HoldfastOptions &
      Pick<AttachOptions, "identify" | "insecure"> & {
        readonly io?: Partial<ServerOptions>;
        readonly port?: number;
        readonly attach?: boolean;
      } = {},
  ): Promise<TestHost> {
    const { io: ioOptions, port = 0, identify, insecure, attach = true, ...holdfastOptions } = options;
    const http = createServer();
    const io = new Server(http, { serveClient: false, ...ioOptions });
    const holdfast = await Holdfast.open({ engine: "memory", ...holdfastOptions });
    const host = new TestHost(http, io, holdfast);
    if (attach) holdfast.attach(io, { identify, insecure });
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, "127.0.0.1", resolve);
    });
    return host;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** A connected plain client. */
  async client(
    options: {
      readonly namespace?: string;
      readonly auth?: object;
      readonly transports?: string[];
      readonly reconnection?: boolean;
      readonly extraHeaders?: Record<string, string>;
      /** Listens before it is connected. */
      readonly listen?: (socket: ClientSocket) => void;
    } = {},
  ): Promise<ClientSocket> {
    const { namespace = "/", auth = {}, transports = ["websocket"], reconnection = false, extraHeaders = {}, listen } = options;
    const url = `http://127.0.0.1:${this.port}${namespace}`;
    const delays = { reconnectionDelay: 10, reconnectionDelayMax: 50 };
    const socket = connect(url, { transports, auth, forceNew: true, reconnection, extraHeaders, ...delays });
    this.#clients.add(socket);
    listen?.(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    return socket;
  }

  /** A client of our own library, of that user if there is one. */
  enter(user?: string): Client {
    const client = connectClient(`http://127.0.0.1:${this.port}`, { forceNew: true, ...(user !== undefined && { auth: { user } }) });
    this.#ours.add(client);
    return client;
  }

  /** Ends the server; its clients try to come back if they may. */
  async stop(): Promise<void> {
    await this.holdfast.close();
    await this.io.close();
  }

  async close(): Promise<void> {
    for (const client of this.#ours) await client.close({ timeoutMs: 0 });
    for (const socket of this.#clients) socket.disconnect();
    await this.stop();
  }
}

/** Sends a request and waits for its reply. */
export const ask = async (socket: ClientSocket, event: string, ...args: unknown[]): Promise<Reply> =>
  (await socket.timeout(10_000).emitWithAck(event, ...args)) as Reply;

/** Attaches a plain consumer whose deliveries go to `answered`; resolves to its id. */
export async function consume(socket: ClientSocket, request: object, answered: Answered): Promise<string> {
  const early: [PlainDelivery, (...args: unknown[]) => void][] = [];
  let id: string | undefined;
  socket.on("holdfast:delivery", (delivery: PlainDelivery, callback: (...args: unknown[]) => void) => {
    if (id === undefined) early.push([delivery, callback]);
    else if (delivery.consumer === id) answered(delivery, callback);
  });
  const reply = await ask(socket, "holdfast:consume", request);
  if (!reply.ok) throw new Error(`consume failed: ${JSON.stringify(reply)}`);
  id = String(reply.consumer);
  for (const [delivery, callback] of early) if (delivery.consumer === id) answered(delivery, callback);
  return id;
}

/** Things that happen, to be waited for. */
export class Happenings<Item> {
  readonly items: Item[] = [];
  #waiting: (() => void)[] = [];

  add(item: Item): void {
    this.items.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when there are at least `count`. */
  async count(count: number): Promise<Item[]> {
    while (this.items.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.items;
  }
}

/** Resolves when the condition holds; a test that waits in vain times out. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
