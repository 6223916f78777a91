import { readFileSync } from "node:fs";
import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import type { AuthOptions } from "../auth/options.js";
import { trustedProxies, unlimitedAddresses } from "../limits/limit-options.js";
import { limits } from "../settings.js";
import { assertOrigin, connectionLimits, hosts, origins, pingMs, polling } from "../transport/transport-options.js";
import { preview, validate } from "../validate.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { type AuthFlags, authOf } from "./serve-auth.js";

/** What `holdfast serve` runs with; the configuration file has the same names. */
const settings = z.strictObject({
  /** 0: any free port, printed when listening. */
  port: z.int().min(0).max(65_535).default(3_000),
  host: z.string().min(1).max(253).default("127.0.0.1"),
  directory: z.string().min(1).default("./holdfast-data"),
  engine: z.enum(["level", "memory"]).default("level"),
  /** Also take HTTP long polling, for clients whose network lets no WebSocket through. */
  polling,
  /** How often a connection is asked whether it is alive, and how long the answer may take: together, how soon a dead one is noticed. */
  pingIntervalMs: pingMs.default(25_000),
  pingTimeoutMs: pingMs.default(20_000),
  origins,
  hosts,
  /** PEM files. */
  tlsCert: z.string().min(1).optional(),
  tlsKey: z.string().min(1).optional(),
  trustedProxies,
  unlimitedAddresses,
  /** Of connections, and of what clients may ask for: the file only, but for the first of them. */
  connections: connectionLimits.prefault({}),
  limits,
  /** Whether a queue is created by the first publish or consume. */
  autoCreate: z.boolean().default(true),
  /** Queues of one namespace. */
  queuesMax: z.int().min(1).max(1_000_000).default(10_000),
  roomsMax: z.int().min(1).max(1_000_000).default(10_000),
  /** Namespaces that clients may ask for beside `/`. */
  namespacesMax: z.int().min(0).max(10_000).default(100),
  /** How long the consumers of a lost connection may be resumed. */
  disconnectGraceMs: z.int().min(0).max(60_000).default(5_000),
  /** After SIGTERM or SIGINT: how long consumers may settle what they hold. */
  drainMs: z.int().min(0).max(3_600_000).default(5_000),
  /** Also serve the chat of examples/chat, at `/`. */
  demo: z.boolean().default(false),
  /** Listen beyond loopback although nobody has to say who they are. */
  insecure: z.boolean().default(false),
});

export interface ServeSettings extends z.output<typeof settings> {
  /** Who may come in; undefined: nobody is asked. */
  readonly auth: AuthOptions | undefined;
}

/** Flags as given: those not given are absent. */
export type ServeFlags = z.input<typeof settings> & AuthFlags;

const CONFIG_BYTES_MAX = 1_048_576;

/**
 * Flags over the configuration file over the defaults.
 *
 * Fails with exit code 2 in one line that names the field, what it is and what was expected.
 */
export function resolveSettings(
  flags: ServeFlags,
  configFile: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): ServeSettings {
  const { jwtAlgorithm, jwtSecretFile, jwtKeyFile, jwksUrl, jwtIssuer, jwtAudience, apiKeysFile, ...others } = flags;
  const { auth, ...config } = configFile === undefined ? {} : asObject(readConfig(configFile), configFile);
  const fromFile = configFile === undefined ? undefined : parse(config, `config file ${configFile}`);
  const ofFlags = { jwtAlgorithm, jwtSecretFile, jwtKeyFile, jwksUrl, jwtIssuer, jwtAudience, apiKeysFile };
  const resolved = parse({ ...fromFile, ...others, connections: { ...fromFile?.connections, ...others.connections } }, "flags");
  return { ...resolved, auth: authOf(ofFlags, auth, environment) };
}

/** With `auth` apart: its errors show nothing of what they are about. */
function asObject(config: unknown, file: string): Readonly<Record<string, unknown>> {
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  throw new CommandError(EXIT.usage, `config file ${file}: the content is ${preview(config)}, expected an object`);
}

function readConfig(file: string): unknown {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length > CONFIG_BYTES_MAX) throw new Error(`longer than ${CONFIG_BYTES_MAX} characters`);
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CommandError(EXIT.usage, `config file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parse(value: unknown, source: string): z.output<typeof settings> {
  try {
    const resolved = validate(settings, value, "the content");
    for (const origin of resolved.origins) assertOrigin(origin);
    return resolved;
  } catch (error) {
    if (error instanceof HoldfastError) throw new CommandError(EXIT.usage, `${source}: ${error.message}`);
    throw error;
  }
}
