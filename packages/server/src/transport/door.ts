import type { IncomingMessage } from "node:http";
import { Buckets } from "../limits/buckets.js";
import { ClientAddresses } from "../limits/client-addresses.js";
import type { Refusals } from "../limits/refusals.js";
import { isLoopbackAddress } from "./loopback.js";
import { isOwnOrigin } from "./own-origin.js";
import type { TransportRefusal, TransportSettings } from "./transport-options.js";

/** Why a request is not taken. */
interface Refusal {
  readonly kind: TransportRefusal;
  readonly reason: string;
}

/** Says of each request whether it may come in, and counts who is in. */
export class Door {
  readonly #settings: TransportSettings;
  readonly #refusals: Refusals<TransportRefusal>;
  readonly #addresses: ClientAddresses;
  readonly #hosts: ReadonlySet<string>;
  /** Who is in, by address; and how fast they come. */
  readonly #sources: Buckets;
  /** How to count out those that are let in and not made yet. */
  readonly #entering = new Map<IncomingMessage, () => void>();
  #inside = 0;
  #closing = false;

  constructor(settings: TransportSettings, refusals: Refusals<TransportRefusal>) {
    const { trustedProxies, unlimitedAddresses, limits, hosts, origins } = settings;
    this.#settings = settings;
    this.#refusals = refusals;
    this.#addresses = new ClientAddresses(trustedProxies, unlimitedAddresses);
    this.#sources = new Buckets(limits.connectRate);
    this.#hosts = new Set([...hosts, ...origins.map((origin) => new URL(origin).hostname)].map((host) => host.toLowerCase()));
  }

  /** Lets nobody in any more. */
  close(): void {
    this.#closing = true;
  }

  /** Why a new connection is not taken, in words for who asked; undefined when it is: then it counts from now on. */
  refusalOfConnection(request: IncomingMessage): string | undefined {
    const refusal = this.#strange(request) ?? this.#crowded(request);
    if (refusal === undefined) this.#countIn(request);
    return this.#tell(request, refusal);
  }

  /** The same of any request: without the limits on connections. */
  refusalOfRequest(request: IncomingMessage): string | undefined {
    return this.#tell(request, this.#strange(request));
  }

  /** The same of a request that is none of Socket.IO's: whoever answers it looks after origins. */
  refusalOfHost(request: IncomingMessage): string | undefined {
    return this.#tell(request, this.#strangeHost(request));
  }

  /** Of the client that sent it, as far as our proxies tell. */
  addressOf(request: IncomingMessage): string | undefined {
    return this.#addresses.addressOf(sourceOf(request));
  }

  /** The connection of that request was made. Returns how to count it out. */
  enter(request: IncomingMessage): () => void {
    const leave = this.#entering.get(request) ?? ignore;
    this.#entering.delete(request);
    // The socket may have many requests to come, and each would leave a listener.
    request.socket.off("close", leave);
    return leave;
  }

  /** A packet of that request's connection was larger than may be. */
  countPacket(request: IncomingMessage): void {
    this.#tell(request, { kind: "packet", reason: `a packet takes more than ${this.#settings.limits.packetBytesMax} bytes` });
  }

  /** At once, since others may be asked for before it is made; and it may never be. */
  #countIn(request: IncomingMessage): void {
    const name = this.#nameOf(request);
    this.#inside++;
    if (name !== undefined) this.#sources.hold(name, this.#settings.clock.now());
    const leave = (): void => {
      this.#entering.delete(request);
      this.#inside--;
      if (name !== undefined) this.#sources.release(name);
    };
    this.#entering.set(request, leave);
    request.socket.once("close", leave);
  }

  #tell(request: IncomingMessage, refusal: Refusal | undefined): string | undefined {
    if (refusal === undefined) return undefined;
    this.#refusals.add(refusal.kind, refusal.reason, this.addressOf(request));
    return refusal.reason;
  }

  #strange(request: IncomingMessage): Refusal | undefined {
    if (this.#closing) return { kind: "closing", reason: "this server is shutting down" };
    return this.#strangeHost(request) ?? this.#strangeOrigin(request);
  }

  /** A page in a browser names its origin; whoever names none is a program. CORS alone would not do: a WebSocket needs no leave of it. */
  #strangeOrigin({ headers: { origin }, socket }: IncomingMessage): Refusal | undefined {
    if (origin === undefined || this.#settings.origins.includes(origin) || isOwnOrigin(origin, socket)) return undefined;
    return { kind: "origin", reason: `origin ${origin} is not allowed` };
  }

  /**
   * Anybody's name may lead to this machine, and then a page under it is no stranger to the browser, which sends no origin with a
   * plain GET. So a server that is reached by loopback wants to be called by a name that is surely its own.
   */
  #strangeHost({ headers: { host }, socket }: IncomingMessage): Refusal | undefined {
    const isLocal = isLoopbackAddress(socket.localAddress ?? "");
    if (host === undefined || (!isLocal && this.#settings.hosts.length === 0)) return undefined;
    const name = host.toLowerCase().replace(/:\d*$/, "");
    if (this.#hosts.has(name) || (isLocal && isNameOfLoopback(name))) return undefined;
    return { kind: "host", reason: `host ${name} is not a name of this server` };
  }

  #crowded(request: IncomingMessage): Refusal | undefined {
    const { clock, limits } = this.#settings;
    const { connectionsMax, addressConnectionsMax } = limits;
    if (this.#inside >= connectionsMax) return { kind: "connections", reason: `${connectionsMax} connections are open, as many as may` };
    const name = this.#nameOf(request);
    if (name === undefined) return undefined;
    if (this.#sources.holders(name) >= addressConnectionsMax) {
      const reason = `address ${name} has ${addressConnectionsMax} connections, as many as one may have`;
      return { kind: "addressConnections", reason };
    }
    const now = clock.now();
    const bucket = this.#sources.touch(name, now);
    const waitMs = bucket.waitMs(now);
    bucket.take(1, now);
    return waitMs === 0 ? undefined : { kind: "connectRate", reason: `address ${name} connects too often; again in ${waitMs} ms` };
  }

  #nameOf(request: IncomingMessage): string | undefined {
    return this.#addresses.nameOf(sourceOf(request));
  }
}

const ignore = (): void => undefined;

const sourceOf = ({ socket, headers }: IncomingMessage): Parameters<ClientAddresses["nameOf"]>[0] => ({
  remoteAddress: socket.remoteAddress,
  forwardedFor: headers["x-forwarded-for"]?.toString(),
});

/** `localhost` and what is under it lead here by definition (RFC 6761). */
function isNameOfLoopback(name: string): boolean {
  const address = name.replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name.endsWith(".localhost") || isLoopbackAddress(address);
}
