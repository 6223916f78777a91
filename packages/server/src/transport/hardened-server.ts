import { once } from "node:events";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { HoldfastError } from "holdfast-client/protocol";
import { type Namespace, Server, type Socket } from "socket.io";
import { errorReply } from "../error-reply.js";
import { Refusals } from "../limits/refusals.js";
import { Door } from "./door.js";
import { isLarger } from "./handshake-bytes.js";
import { createHttpServer } from "./http-server.js";
import { OpenSockets } from "./open-sockets.js";
import {
  resolveTransport,
  TRANSPORT_REFUSALS,
  type TransportOptions,
  type TransportRefusal,
  type TransportSettings,
} from "./transport-options.js";

/** What Engine.IO tells about a request it did not take. */
interface RefusedRequest {
  readonly req: IncomingMessage;
  readonly code: number;
  readonly message: string;
  readonly context?: { readonly name?: string; readonly transport?: string };
}

/** Engine.IO's code for what `allowRequest` refused, which was counted there. */
const FORBIDDEN = 4;
const UNKNOWN_TRANSPORT = 0;

interface EngineConnection {
  readonly request: IncomingMessage;
  /** `error`: of a transport that failed. */
  once(event: "close", listener: (reason: string, error?: Error) => void): void;
}

/** So long those who are connected may take to leave. */
const LEAVE_MS = 2_000;

/** What the `ws` package says of a message whose announced length is more than may be. */
const TOO_LARGE = "Max payload size exceeded";

/**
 * A Socket.IO server, with its HTTP server, that starts with everything shut: no web page but those that are allowed, WebSocket
 * only, no compression, no Engine.IO 3, limits on connections and on how long each may take to become one. What it refuses is
 * answered, counted in `refused`, and told to `onRefused`.
 *
 * @example
 * const server = new HardenedServer({ origins: ["https://example.org"], onRequest: express() });
 * holdfast.attach(server.io, { identify: (socket) => socket.data.user });
 * await server.listen(3000, "127.0.0.1");
 */
export class HardenedServer {
  readonly io: Server;
  readonly http: HttpServer;
  readonly #sockets: OpenSockets;
  readonly #door: Door;
  readonly #settings: TransportSettings;
  readonly #refusals: Refusals<TransportRefusal>;

  /** @throws HoldfastError `BAD_REQUEST` naming the option that is wrong */
  constructor(options: TransportOptions = {}) {
    const settings = resolveTransport(options);
    const { limits, polling, origins } = settings;
    this.#settings = settings;
    this.#refusals = new Refusals(TRANSPORT_REFUSALS, settings.clock, (refused) => settings.onRefused?.(refused));
    this.#door = new Door(settings, this.#refusals);
    this.http = createHttpServer(settings, this.#refusals, (request, response) => this.#answer(request, response));
    this.#sockets = new OpenSockets(this.http);
    this.io = new Server(this.http, {
      serveClient: settings.serveClient,
      maxHttpBufferSize: limits.packetBytesMax,
      connectTimeout: limits.joinTimeoutMs,
      pingInterval: settings.pingIntervalMs,
      pingTimeout: settings.pingTimeoutMs,
      transports: polling ? ["polling", "websocket"] : ["websocket"],
      allowEIO3: false,
      perMessageDeflate: false,
      httpCompression: false,
      cors: { origin: [...origins] },
      allowRequest: (request, decide) => {
        const refusal = this.#door.refusalOfConnection(request);
        decide(refusal, refusal === undefined);
      },
    });
    this.#watchEngine();
    this.#limitHandshakes(this.io.of("/"));
    this.io.on("new_namespace", (namespace) => this.#limitHandshakes(namespace));
  }

  /** How often something was not taken, by why, since this was made. */
  get refused(): Readonly<Record<TransportRefusal, number>> {
    return this.#refusals.counts;
  }

  /** The client's address, as far as `trustedProxies` tell. */
  addressOf(socket: Socket): string | undefined {
    return this.#door.addressOf(socket.request);
  }

  /** Resolves when it listens; rejects with the system's error, such as `EADDRINUSE`. Port 0 is any that is free. */
  async listen(port: number, host: string): Promise<void> {
    this.http.listen(port, host);
    await once(this.http, "listening");
  }

  /** Takes no new connection; those there are stay. */
  refuse(): void {
    this.#door.close();
  }

  /**
   * Ends all connections and the HTTP server: clients are told, and responses may be finished. Whoever did not take leave after 2 s,
   * as a phone that sleeps or a connection that never said anything, is cut.
   */
  async close(): Promise<void> {
    this.refuse();
    const patience = setTimeout(() => this.#sockets.destroy(), LEAVE_MS);
    await new Promise<void>((resolve) => void this.io.close(() => resolve()));
    clearTimeout(patience);
  }

  #watchEngine(): void {
    const { engine } = this.io;
    engine.on("connection_error", (refused: RefusedRequest) => this.#count(refused));
    engine.on("connection", (connection: EngineConnection) => {
      const { request } = connection;
      const leave = this.#door.enter(request);
      connection.once("close", (_reason, error) => {
        leave();
        if (error?.message.includes(TOO_LARGE)) this.#door.countPacket(request);
      });
    });
    // `allowRequest` is asked for the first request of a connection only: a poll, a post and the step to WebSocket come here.
    engine.use(
      (request: IncomingMessage & { readonly _query?: { readonly sid?: unknown } }, _response: unknown, next: (error?: Error) => void) => {
        const refusal = request._query?.sid === undefined ? undefined : this.#door.refusalOfRequest(request);
        next(refusal === undefined ? undefined : new Error(refusal));
      },
    );
  }

  #count({ req, code, message, context }: RefusedRequest): void {
    if (code === FORBIDDEN || context?.name === "MIDDLEWARE_FAILURE") return;
    const isPolling = code === UNKNOWN_TRANSPORT && context?.transport === "polling";
    if (isPolling) this.#refusals.add("polling", "HTTP long polling is off", this.#door.addressOf(req));
    else this.#refusals.add("request", context?.name ?? message, this.#door.addressOf(req));
  }

  /** What comes in a handshake is kept as long as the connection, and comes before anybody is asked who they are. */
  #limitHandshakes(namespace: Namespace): void {
    const { authBytesMax } = this.#settings.limits;
    namespace.use((socket: Socket, next: (error?: Error) => void) => {
      if (!isLarger(socket.handshake.auth, authBytesMax)) {
        next();
        return;
      }
      const error = new HoldfastError("TOO_LARGE", `auth takes more than ${authBytesMax} bytes, at most as many are allowed`);
      this.#refusals.add("handshake", error.message, this.addressOf(socket));
      next(Object.assign(new Error(error.message), { data: errorReply(error) }));
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#door.refusalOfHost(request);
    if (refusal !== undefined) reply(response, 421, refusal);
    else if (this.#settings.onRequest !== undefined) this.#settings.onRequest(request, response);
    else reply(response, 404, "not found");
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(`${text}\n`);
}
