import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Logger } from "pino";
import { type Namespace, Server, type Socket } from "socket.io";
import type { Holdfast } from "../holdfast.js";
import { isOwnOrigin } from "./own-origin.js";
import type { ServeSettings } from "./settings.js";
import { relayTyping } from "./typing-relay.js";

const HTTP_BUFFER_BYTES_MAX = 4_194_304;
/** How long a connection may stay without having joined a namespace. */
const JOIN_TIMEOUT_MS = 5_000;
const NAMESPACE_PATTERN = /^\/[A-Za-z0-9._:-]{1,128}$/;

/** What Engine.IO tells about a request it did not take. */
interface RefusedRequest {
  readonly req: IncomingMessage;
  readonly message: string;
  readonly context?: { readonly message?: string; readonly transport?: string };
}

/**
 * The Socket.IO server of `holdfast serve`: Holdfast attached to `/` and to every namespace that clients ask for, up
 * to `namespacesMax`. Logs each connect and disconnect, and what it refused.
 */
export class SocketServer {
  readonly #io: Server;
  readonly #holdfast: Holdfast;
  readonly #settings: ServeSettings;
  readonly #log: Logger;
  readonly #admitted = new Set<string>();
  #refusing = false;

  constructor(http: HttpServer, holdfast: Holdfast, settings: ServeSettings, log: Logger) {
    this.#holdfast = holdfast;
    this.#settings = settings;
    this.#log = log;
    this.#io = new Server(http, {
      serveClient: false,
      maxHttpBufferSize: HTTP_BUFFER_BYTES_MAX,
      connectTimeout: JOIN_TIMEOUT_MS,
      pingInterval: settings.pingIntervalMs,
      pingTimeout: settings.pingTimeoutMs,
      transports: settings.polling ? ["polling", "websocket"] : ["websocket"],
      perMessageDeflate: false,
      httpCompression: false,
      cors: { origin: settings.origins },
      allowRequest: (request, decide) => {
        const refusal = this.#refusalOf(request);
        decide(refusal, refusal === undefined);
      },
    });
    this.#io.engine.on("connection_error", (refused: RefusedRequest) => this.#logRefused(refused));
    this.#serve(this.#io.of("/"));
    if (settings.demo) relayTyping(this.#io.of("/"));
    this.#io.on("new_namespace", (namespace) => this.#serve(namespace));
    this.#io.of((name, _auth, decide) => decide(null, this.#admits(name)));
  }

  /** Takes no new connection and no new namespace. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Ends all connections and the HTTP server. */
  close(): Promise<void> {
    return new Promise((resolve) => void this.#io.close(() => resolve()));
  }

  #serve(namespace: Namespace): void {
    this.#holdfast.attach(namespace);
    namespace.on("connection", (socket) => this.#logSocket(socket));
  }

  /** A page in a browser names its origin; whoever names none is a program. */
  #refusalOf(request: IncomingMessage): string | undefined {
    const { origin } = request.headers;
    if (this.#refusing) return "this server is shutting down";
    if (origin === undefined || this.#settings.origins.includes(origin) || isOwnOrigin(origin, request.socket)) return undefined;
    return `origin ${origin} is not allowed; --origin allows it`;
  }

  #admits(name: string): boolean {
    const { namespacesMax } = this.#settings;
    const admits = !this.#refusing && NAMESPACE_PATTERN.test(name) && this.#admitted.size < namespacesMax;
    if (admits) this.#admitted.add(name);
    else this.#log.warn({ namespace: name.slice(0, 200), namespacesMax }, "namespace refused");
    return admits;
  }

  #logRefused({ req, message, context }: RefusedRequest): void {
    const reason = context?.transport === "polling" ? "HTTP long polling is off; --polling allows it" : (context?.message ?? message);
    this.#log.warn({ remote: req.socket.remoteAddress, reason }, "connection refused");
  }

  #logSocket(socket: Socket): void {
    const who = { namespace: socket.nsp.name, id: socket.id, remote: socket.handshake.address };
    this.#log.info(who, "connected");
    socket.on("disconnect", (reason) => this.#log.info({ ...who, reason }, "disconnected"));
  }
}
