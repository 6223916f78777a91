import type { ServerResponse, IncomingMessage } from "node:http";
import type { Logger } from "pino";
import type { Namespace, Socket } from "socket.io";
import { systemClock } from "../clock.js";
import { ADMIN_NAMESPACE } from "../gateway/session.js";
import type { Holdfast } from "../holdfast.js";
import { Refusals } from "../limits/refusals.js";
import { preview } from "../validate.js";
import type { TransportRefusal } from "../transport/transport-options.js";
import { HardenedServer } from "../transport/hardened-server.js";
import type { Tls } from "./tls.js";
import type { ServeSettings } from "./settings.js";
import { relayTyping } from "./typing-relay.js";

const NAMESPACE_PATTERN = /^\/[A-Za-z0-9._:-]{1,128}$/;

/** What would have it taken, where there is something. */
const REMEDIES: Partial<Record<TransportRefusal, string>> = {
  origin: "--origin allows it",
  host: "--allow-host allows it",
  connections: "--connections-max allows more",
  polling: "--polling allows it",
};

/**
 * The Socket.IO server of `holdfast serve`: Holdfast attached to `/` and to every namespace that clients ask for, up
 * to `namespacesMax`. Logs each connect and disconnect, and what it refused.
 */
export class SocketServer extends HardenedServer {
  readonly #holdfast: Holdfast;
  readonly #settings: ServeSettings;
  readonly #log: Logger;
  readonly #admitted = new Set<string>();
  readonly #refusals: Refusals<"namespace">;
  #refusing = false;

  constructor(
    holdfast: Holdfast,
    settings: ServeSettings,
    tls: Tls | undefined,
    log: Logger,
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    const { origins, hosts, polling, pingIntervalMs, pingTimeoutMs, trustedProxies, unlimitedAddresses, connections } = settings;
    super({
      origins,
      hosts,
      polling,
      pingIntervalMs,
      pingTimeoutMs,
      tls,
      trustedProxies,
      unlimitedAddresses,
      limits: connections,
      onRequest,
      onRefused: ({ kind, count, remote, reason }) => {
        const remedy = REMEDIES[kind];
        log.warn({ kind, count, remote, reason: remedy === undefined ? reason : `${reason}; ${remedy}` }, "connection refused");
      },
    });
    this.#refusals = new Refusals(["namespace"], systemClock, (refused) => log.warn(refused, "namespace refused"));
    this.#holdfast = holdfast;
    this.#settings = settings;
    this.#log = log;
    this.#serve(this.io.of("/"));
    if (settings.demo) relayTyping(this.io.of("/"));
    if (settings.auth !== undefined) {
      holdfast.administer(this.io);
      this.io.of(ADMIN_NAMESPACE).on("connection", (socket) => this.#logSocket(socket));
    }
    this.io.on("new_namespace", (namespace) => this.#serve(namespace));
    this.io.of((name, auth, decide) => {
      // A namespace is made for somebody who is let in: strangers would use up those there may be.
      holdfast.recognizes(auth, name).then(
        (isKnown) => decide(null, isKnown && this.#admits(name)),
        (error: Error) => decide(error, false),
      );
    });
  }

  /** Takes no new connection and no new namespace. */
  override refuse(): void {
    this.#refusing = true;
    super.refuse();
  }

  #serve(namespace: Namespace): void {
    const { auth, insecure } = this.#settings;
    this.#holdfast.attach(namespace, { insecure: auth === undefined && insecure });
    namespace.on("connection", (socket) => this.#logSocket(socket));
  }

  #admits(name: string): boolean {
    const { namespacesMax } = this.#settings;
    const admits = !this.#refusing && NAMESPACE_PATTERN.test(name) && this.#admitted.size < namespacesMax;
    if (admits) this.#admitted.add(name);
    else
      this.#refusals.add("namespace", `namespace ${preview(name)}, expected ${NAMESPACE_PATTERN.source}, at most ${namespacesMax} of them`);
    return admits;
  }

  #logSocket(socket: Socket): void {
    const who = { namespace: socket.nsp.name, id: socket.id, remote: this.addressOf(socket) };
    this.#log.info(who, "connected");
    socket.on("disconnect", (reason) => this.#log.info({ ...who, reason }, "disconnected"));
  }
}
