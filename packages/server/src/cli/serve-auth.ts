import { readFileSync } from "node:fs";
import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { type AuthOptions, apiKey, authFields, resolveAuth } from "../auth/options.js";
import { validate, withoutText } from "../validate.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { SECRET_VARIABLE } from "./secret-variable.js";

const path = z.string().min(1).max(4_096);
const FILE_BYTES_MAX = 1_048_576;

/** `auth` of the configuration file: secrets and keys are in files of their own, or in the environment. */
const serveAuth = z.strictObject({
  jwt: z
    .strictObject({
      algorithms: z.array(z.string()).optional(),
      secretFile: path.optional(),
      publicKeyFile: path.optional(),
      jwksUrl: z.string().optional(),
      issuer: z.string().optional(),
      audience: z.string().optional(),
      clockToleranceMs: z.number().optional(),
    })
    .optional(),
  /** A JSON array of API keys, by their hashes. */
  apiKeysFile: path.optional(),
  apiKeys: authFields.apiKeys.optional(),
  roles: authFields.roles.optional(),
  tokenLifetimeMsMax: z.number().optional(),
});

type ServeAuth = z.output<typeof serveAuth>;

/** What flags say of it, over what the configuration file says. */
export interface AuthFlags {
  readonly jwtAlgorithm?: readonly string[] | undefined;
  readonly jwtSecretFile?: string | undefined;
  readonly jwtKeyFile?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly jwtIssuer?: string | undefined;
  readonly jwtAudience?: string | undefined;
  readonly apiKeysFile?: string | undefined;
}

/**
 * Who may come in, as flags, the environment and the configuration file say; undefined when none of them says anything: then nobody is asked.
 *
 * Fails with exit code 2 in one line that has nothing of any secret.
 */
export function authOf(flags: AuthFlags, fromFile: unknown, environment: NodeJS.ProcessEnv): AuthOptions | undefined {
  try {
    return read(flags, fromFile, environment);
  } catch (error) {
    if (error instanceof HoldfastError) throw new CommandError(EXIT.usage, error.message);
    throw error;
  }
}

function read(flags: AuthFlags, fromFile: unknown, environment: NodeJS.ProcessEnv): AuthOptions | undefined {
  const given = fromFile === undefined ? {} : validate(serveAuth, fromFile, "auth", withoutText);
  const { jwtAlgorithm, jwtSecretFile, jwtKeyFile, jwksUrl, jwtIssuer, jwtAudience } = flags;
  const ofFlags = {
    algorithms: jwtAlgorithm,
    secretFile: jwtSecretFile,
    publicKeyFile: jwtKeyFile,
    jwksUrl,
    issuer: jwtIssuer,
    audience: jwtAudience,
  };
  const jwt = { ...given.jwt, ...Object.fromEntries(Object.entries(ofFlags).filter(([, value]) => value !== undefined)) };
  const secret = environment[SECRET_VARIABLE];
  const apiKeysFile = flags.apiKeysFile ?? given.apiKeysFile;
  const asksForTokens = Object.keys(jwt).length > 0 || secret !== undefined;
  if (fromFile === undefined && !asksForTokens && apiKeysFile === undefined) return undefined;
  const { apiKeys = [], roles = {}, tokenLifetimeMsMax } = given;
  const options = {
    jwt: asksForTokens ? withKeys(jwt, secret) : undefined,
    apiKeys: [...apiKeys, ...(apiKeysFile === undefined ? [] : readKeys(apiKeysFile))],
    roles,
    tokenLifetimeMsMax,
  } as AuthOptions;
  resolveAuth(options);
  return options;
}

/** The secret is that of the file, or else that of the environment. */
function withKeys(
  { secretFile, publicKeyFile, algorithms, ...jwt }: NonNullable<ServeAuth["jwt"]>,
  fromEnvironment: string | undefined,
): object {
  const hasKeys = publicKeyFile !== undefined || jwt.jwksUrl !== undefined;
  const secret = secretFile === undefined ? fromEnvironment : readText(secretFile, "the secret of tokens").trim();
  return {
    ...jwt,
    ...(publicKeyFile === undefined ? undefined : { publicKey: readText(publicKeyFile, "the key of tokens") }),
    ...(secret === undefined ? undefined : { secret }),
    algorithms: algorithms ?? (hasKeys ? ["RS256", "ES256", "EdDSA"] : ["HS256"]),
  };
}

function readKeys(file: string): z.output<typeof apiKey>[] {
  let given: unknown;
  const text = readText(file, "the API keys");
  try {
    given = JSON.parse(text);
  } catch {
    throw new CommandError(EXIT.usage, `file ${file} of the API keys is not JSON`);
  }
  return validate(z.array(apiKey), given, `file ${file}`, withoutText);
}

/** No error has anything of what is in the file. */
function readText(file: string, what: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length > FILE_BYTES_MAX) throw new Error(`longer than ${FILE_BYTES_MAX} characters`);
    return text;
  } catch (error) {
    throw new CommandError(EXIT.usage, `file ${file} of ${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
