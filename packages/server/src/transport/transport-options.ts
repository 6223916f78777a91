import type { IncomingMessage, ServerResponse } from "node:http";
import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import type { Clock } from "../clock.js";
import { systemClock } from "../clock.js";
import { rateOption, trustedProxies, unlimitedAddresses } from "../limits/limit-options.js";
import type { Refused } from "../limits/refusals.js";
import { preview, validate } from "../validate.js";

/** Why a connection or a request was not taken. */
export const TRANSPORT_REFUSALS = [
  "origin",
  "host",
  "connections",
  "addressConnections",
  "connectRate",
  "polling",
  "request",
  "packet",
  "slow",
  "tls",
  "handshake",
  "closing",
] as const;
export type TransportRefusal = (typeof TRANSPORT_REFUSALS)[number];

/** Numbers of connections, and how long each step of becoming one may take. */
export const connectionLimits = z.strictObject({
  /** All together. */
  connectionsMax: z.int().min(1).max(1_000_000).default(20_000),
  /** From one address; of IPv6 a network of 64 bits counts as one. */
  addressConnectionsMax: z.int().min(1).max(1_000_000).default(1_000),
  /** New ones from one address. */
  connectRate: rateOption("connectRate", { perSecond: 100, burst: 1_000 }),
  /**
   * Of a packet, and of the body of an HTTP request. An array of 1 MiB takes no more as JSON, with what comes beside each message; what is
   * larger is refused by its announced length, and nobody waits until it was read and parsed.
   */
  packetBytesMax: z.int().min(16_384).max(104_857_600).default(1_572_864),
  /** Of `auth` in a handshake: it is kept as long as the connection. */
  authBytesMax: z.int().min(256).max(1_048_576).default(16_384),
  /** From the connection to its first namespace. */
  joinTimeoutMs: z.int().min(100).max(600_000).default(5_000),
  headersTimeoutMs: z.int().min(100).max(600_000).default(10_000),
  requestTimeoutMs: z.int().min(100).max(600_000).default(30_000),
});

/** Web pages that may connect, exactly as browsers name their origin: `https://example.org`. */
export const origins = z.array(z.string().min(1).max(300)).max(1_000).default([]);
/** Names this server is reached by, without port: what a request's `Host` may be. */
export const hosts = z
  .array(
    z
      .string()
      .max(253)
      .regex(/^[A-Za-z0-9._-]+$|^\[[0-9a-fA-F:.]+\]$/, { error: "a host name or address without port" }),
  )
  .max(1_000)
  .default([]);
export const polling = z.boolean().default(false);
export const pingMs = z.int().min(100).max(300_000);

const pem = z.union([z.string().min(1), z.instanceof(Uint8Array)], { error: "PEM, as text or bytes" });
const isFunction = (value: unknown): boolean => typeof value === "function";

const options = z.strictObject({
  origins,
  hosts,
  polling,
  serveClient: z.boolean().default(false),
  pingIntervalMs: pingMs.default(25_000),
  pingTimeoutMs: pingMs.default(20_000),
  tls: z.strictObject({ cert: pem, key: pem }).optional(),
  trustedProxies,
  unlimitedAddresses,
  limits: connectionLimits.prefault({}),
  onRequest: z.custom<TransportOptions["onRequest"]>(isFunction, { error: "a function" }).optional(),
  onRefused: z.custom<TransportOptions["onRefused"]>(isFunction, { error: "a function" }).optional(),
  clock: z.custom<Clock>((value) => value === undefined || (typeof value === "object" && value !== null)).default(systemClock),
});

/** What a `HardenedServer` takes. */
export interface TransportOptions {
  /** Web pages that may connect, exactly as browsers name their origin: `https://example.org`. Default: those of this very server. Programs name none. */
  readonly origins?: readonly string[] | undefined;
  /** Names beside those in `origins` that a request's `Host` may have; checked where they are given, and always on loopback. */
  readonly hosts?: readonly string[] | undefined;
  /** Also take HTTP long polling. Default false: WebSocket only. */
  readonly polling?: boolean | undefined;
  /** Whether `/socket.io/socket.io.js` is served. Default false. */
  readonly serveClient?: boolean | undefined;
  /** How often a connection is asked whether it is alive, and how long the answer may take: 25,000 and 20,000 ms. */
  readonly pingIntervalMs?: number | undefined;
  readonly pingTimeoutMs?: number | undefined;
  /** Certificate chain and key, PEM; TLS 1.2 or newer is spoken. Default: no TLS. */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array } | undefined;
  /** Proxies in front that write `X-Forwarded-For`: 0 (default) to 10. */
  readonly trustedProxies?: number | undefined;
  /** Addresses and networks without limits of their own. Default: loopback. */
  readonly unlimitedAddresses?: readonly string[] | undefined;
  readonly limits?: z.input<typeof connectionLimits> | undefined;
  /** Answers the requests that are not Socket.IO's: an Express application, say. Default: 404. */
  readonly onRequest?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Told what was refused: the first of a kind at once, then every 10 s how many more. */
  readonly onRefused?: ((refused: Refused<TransportRefusal>) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export type TransportSettings = z.output<typeof options>;

/** Resolves what was given, or fails with `BAD_REQUEST` naming the option. */
export function resolveTransport(given: TransportOptions): TransportSettings {
  const settings = validate(options, given, "options");
  for (const origin of settings.origins) assertOrigin(origin);
  return settings;
}

/** One that no browser sends would allow nobody, and nobody would know why. */
export function assertOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  const like = URL.canParse(origin) && new URL(origin).origin !== "null" ? new URL(origin).origin : "https://example.org";
  throw new HoldfastError("BAD_REQUEST", `origin is ${preview(origin)}, expected the form that browsers send: ${like}`);
}
