import { getHeapStatistics } from "node:v8";
import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import { z } from "zod";
import { type AuthOptions, type AuthSettings, resolveAuth } from "./auth/options.js";
import { type Clock, systemClock } from "./clock.js";
import type { Engine } from "./engine.js";
import { ClientAddresses } from "./limits/client-addresses.js";
import { rateOption, trustedProxies, unlimitedAddresses } from "./limits/limit-options.js";
import type { Rate } from "./limits/token-bucket.js";
import { type Log, silentLog } from "./log.js";
import { preview, validate } from "./validate.js";

/** Limits of one server; what is not given is DESIGN's. */
export interface Limits {
  /** A message with all that comes with it: 1,024 to 262,144 (the default) bytes. */
  readonly bodyBytesMax: number;
  /** Unsettled deliveries of one consumer: 1 to 10,000 (the default). */
  readonly maxInFlightMax: number;
  /** Consumers of one connection: 1,000. */
  readonly consumersMax: number;
  /** Bytes of framed messages that wait to be stored, of one connection: 32 MiB. Above it publishes are `RATE_LIMITED`. */
  readonly connectionBytesMax: number;
  /** The same of all together: 256 MiB, or a sixteenth of what the heap may grow to, if that is less. */
  readonly openBytesMax: number;
  /** Plain requests of one connection that wait for their reply: 50,000. Above it they are `RATE_LIMITED`. */
  readonly requestsMax: number;
  /** Settlements of one connection that wait to be stored: 1,000,000. Above it they are `RATE_LIMITED`. */
  readonly settlementsMax: number;
  /** Connections of one user, over all namespaces: 10,000. More are told `RATE_LIMITED` and cut. */
  readonly userConnectionsMax: number;
  /**
   * Units of work of one connection, of all of a user, and of all from an address: a framed message is 1, a plain request 10, one
   * that looks into the store 100; `false` for no limit. What is more is `RATE_LIMITED`. Defaults 250,000 a second and twice
   * that at once, twice and four times as much: a client that ran wild, and no client that means well.
   */
  readonly connectionRate: Rate;
  readonly userRate: Rate;
  readonly addressRate: Rate;
  /** Requests of one connection that are refused because something is wrong with them: 10 a second, 200 at once; then it is cut. */
  readonly badRequestRate: Rate;
}

/** As they are given: a rate may be `false`. */
export type LimitsInput = z.input<typeof limits>;

/** What `Holdfast.open` takes. */
export interface HoldfastOptions {
  /** Where the embedded engine keeps its messages; created when missing. One process per directory. */
  readonly directory?: string | undefined;
  /** `level` (durable, the default), `memory` (for tests: forgets all when it ends), or an engine of your own. */
  readonly engine?: "level" | "memory" | Engine | undefined;
  /** Whether a queue is created by the first publish or consume, a room by the first emit or join; else that is `NOT_FOUND`. Default true. */
  readonly autoCreate?: boolean | undefined;
  /** Queues of one namespace, without the dead-letter queues that come by themselves. Default 10,000. */
  readonly queuesMax?: number | undefined;
  /** Rooms of one namespace, without the inboxes of users. Default 10,000. */
  readonly roomsMax?: number | undefined;
  /** Namespaces that may have queues, and that may have rooms. Default 1,000. */
  readonly namespacesMax?: number | undefined;
  /** How long the consumers of a lost connection may be resumed, 0 to 60,000 ms. Default 5,000. */
  readonly disconnectGraceMs?: number | undefined;
  readonly limits?: LimitsInput | undefined;
  /** Proxies in front of this server that write `X-Forwarded-For`: 0 (default) to 10. The client's address is what the outermost of them wrote. */
  readonly trustedProxies?: number | undefined;
  /** Addresses and networks without limits of their own, those of their connections and users aside. Default: loopback. */
  readonly unlimitedAddresses?: readonly string[] | undefined;
  /** Who may come in, and what they may do: for all namespaces that are attached. Without it nobody is asked who it is. */
  readonly auth?: AuthOptions | undefined;
  /** Time; a test brings its own. */
  readonly clock?: Clock | undefined;
  /** Silent unless given. */
  readonly log?: Log | undefined;
}

/** Options, resolved. */
export interface Settings {
  readonly directory: string | undefined;
  readonly engine: "level" | "memory" | Engine;
  readonly autoCreate: boolean;
  readonly queuesMax: number;
  readonly roomsMax: number;
  readonly namespacesMax: number;
  readonly disconnectGraceMs: number;
  readonly addresses: ClientAddresses;
  readonly limits: Limits & { readonly maxInFlightDefault: number };
  readonly auth: AuthSettings | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const MAX_IN_FLIGHT_DEFAULT = 100;
const OPEN_BYTES_DEFAULT = 268_435_456;
/** Of what JavaScript may have: what is asked stays in memory until it is answered, several times over while it is read. */
const OPEN_BYTES_HEAP_PART = 1 / 16;

const openBytesDefault = Math.max(
  LIMITS.arrayBytesMax,
  Math.min(OPEN_BYTES_DEFAULT, Math.floor(getHeapStatistics().heap_size_limit * OPEN_BYTES_HEAP_PART)),
);

const hasMethods = (...names: string[]): ((value: unknown) => boolean) => {
  return (value) => typeof value === "object" && value !== null && names.every((name) => typeof Reflect.get(value, name) === "function");
};

const isEngine = hasMethods("open", "close", "append", "lease", "settle");

export const limits = z
  .strictObject({
    bodyBytesMax: z.int().min(1_024).max(LIMITS.bodyBytesMax).default(LIMITS.bodyBytesMax),
    maxInFlightMax: z.int().min(1).max(LIMITS.maxInFlightMax).default(LIMITS.maxInFlightMax),
    consumersMax: z.int().min(1).max(1_000_000).default(1_000),
    connectionBytesMax: z.int().min(LIMITS.arrayBytesMax).default(33_554_432),
    openBytesMax: z.int().min(LIMITS.arrayBytesMax).default(openBytesDefault),
    requestsMax: z.int().min(1).max(1_000_000).default(50_000),
    settlementsMax: z.int().min(LIMITS.maxInFlightMax).max(100_000_000).default(1_000_000),
    userConnectionsMax: z.int().min(1).max(1_000_000).default(10_000),
    connectionRate: rateOption("connectionRate", { perSecond: 250_000, burst: 500_000 }),
    userRate: rateOption("userRate", { perSecond: 500_000, burst: 1_000_000 }),
    addressRate: rateOption("addressRate", { perSecond: 1_000_000, burst: 2_000_000 }),
    badRequestRate: rateOption("badRequestRate", { perSecond: 10, burst: 200 }),
  })
  .prefault({});

const options = z.strictObject({
  directory: z.string().min(1).optional(),
  engine: z
    .custom<"level" | "memory" | Engine>((value) => value === "level" || value === "memory" || isEngine(value), {
      error: ({ input }) => `engine is ${preview(input)}, expected "level", "memory" or an engine`,
    })
    .default("level"),
  autoCreate: z.boolean().default(true),
  queuesMax: z.int().min(1).max(1_000_000).default(10_000),
  roomsMax: z.int().min(1).max(1_000_000).default(10_000),
  namespacesMax: z.int().min(1).max(1_000_000).default(1_000),
  disconnectGraceMs: z.int().min(0).max(60_000).default(5_000),
  trustedProxies,
  unlimitedAddresses,
  limits,
  clock: z
    .custom<Clock>(hasMethods("now", "wakeAt"), {
      error: ({ input }) => `clock is ${preview(input)}, expected an object with now and wakeAt`,
    })
    .default(systemClock),
  log: z
    .custom<Log>(hasMethods("info", "warn", "error"), {
      error: ({ input }) => `log is ${preview(input)}, expected an object with info, warn and error`,
    })
    .default(silentLog),
});

/** Resolves what was given, or fails with `BAD_REQUEST` naming the option. */
export function resolveSettings(given: HoldfastOptions): Settings {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new HoldfastError("BAD_REQUEST", `options is ${preview(given)}, expected an object`);
  const { auth, ...others } = given;
  const settings = validate(options, others, "options");
  if (settings.engine === "level" && settings.directory === undefined) {
    throw new HoldfastError("BAD_REQUEST", 'directory is missing, expected a path, because engine "level" keeps its messages there');
  }
  const { limits: given_, trustedProxies, unlimitedAddresses, ...rest } = settings;
  const maxInFlightDefault = Math.min(MAX_IN_FLIGHT_DEFAULT, given_.maxInFlightMax);
  return {
    ...rest,
    addresses: new ClientAddresses(trustedProxies, unlimitedAddresses),
    auth: auth === undefined ? undefined : resolveAuth(auth),
    directory: settings.directory,
    limits: { ...given_, maxInFlightDefault },
  };
}
