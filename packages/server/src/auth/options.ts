import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import { isUserName, USER_FORM } from "../user-name.js";
import { preview, validate, withoutText } from "../validate.js";
import type { Authorize } from "./access.js";
import { type GrantInput, grantFields } from "./grants.js";

/** What a handshake says: as Socket.IO has it, and as an application's `authenticate` gets it. */
export interface Handshake {
  /** What the client gave as `auth`, with the fresh token when it has one. Nothing of it was checked. */
  readonly auth: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The client's, as far as `trustedProxies` tell. */
  readonly address: string;
  readonly query: Readonly<Record<string, unknown>>;
}

/** Who somebody is, as an application's `authenticate` says. */
export interface GivenIdentity extends GrantInput {
  /** 1 to 256 bytes of UTF-8. */
  readonly subject: string;
  readonly roles?: readonly string[] | undefined;
  readonly tokenId?: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt?: number | undefined;
  readonly expiresAt?: number | undefined;
}

/**
 * Who a handshake belongs to. Undefined leaves it to tokens and keys. A `HoldfastError` refuses it, and is told to the client as it
 * is: `new HoldfastError("UNAUTHENTICATED", "the ticket is used")`, or one that is `retryable`, with which clients come again by
 * themselves. Any other error is taken for an outage: it is logged, without its text, nobody is let in, and clients come again.
 */
export type Authenticate = (handshake: Handshake, namespace: string) => Promise<GivenIdentity | undefined> | GivenIdentity | undefined;

const SYMMETRIC = ["HS256", "HS384", "HS512"] as const;
const ALGORITHMS = [
  ...SYMMETRIC,
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;
type Algorithm = (typeof ALGORITHMS)[number];

const isSymmetric = (algorithm: Algorithm): boolean => (SYMMETRIC as readonly string[]).includes(algorithm);

const SECRET_BYTES_MIN = 32;
const DAY_MS = 86_400_000;
/** Each handshake with a key is compared with all of them. */
const KEYS_MAX = 1_000;

/** JSON Web Tokens: who may sign them, and for whom they must be. Exactly one of `secret`, `publicKey` and `jwksUrl`. */
export interface JwtOptions {
  /** Only these are taken. `HS*` with a secret, the others with keys. */
  readonly algorithms: readonly Algorithm[];
  /** At least 32 bytes. */
  readonly secret?: string | Uint8Array | undefined;
  /** PEM (key or certificate), or JSON of a JWK or of a set of them. */
  readonly publicKey?: string | undefined;
  /** Where the keys are; `https:` unless it is on loopback. Fetched when needed, kept, and fetched anew for a key that is not known. */
  readonly jwksUrl?: string | undefined;
  /** What `iss` must be. */
  readonly issuer: string;
  /** What `aud` must be or have. */
  readonly audience: string;
  /** How wrong the issuer's clock may be, 0 to 300,000 ms. Default 0: a token ends when it says. */
  readonly clockToleranceMs?: number | undefined;
}

/** A key of a service, as `holdfast key` makes them. */
export interface ApiKeyOptions extends GrantInput {
  /** Names the key: in the audit log, and to revoke it. */
  readonly id: string;
  /** SHA-256 of the key, in hexadecimal; the key itself is kept nowhere. */
  readonly sha256: string;
  /** Who the service is. Default: the id. */
  readonly subject?: string | undefined;
  readonly roles?: readonly string[] | undefined;
}

/** Who may come in, and what they may do. At least one of `jwt`, `apiKeys` and `authenticate`. */
export interface AuthOptions {
  readonly jwt?: JwtOptions | undefined;
  readonly apiKeys?: readonly ApiKeyOptions[] | undefined;
  readonly authenticate?: Authenticate | undefined;
  readonly authorize?: Authorize | undefined;
  /** What a role may do. `viewer` and `operator` are those of `/admin` and have no entry. */
  readonly roles?: Readonly<Record<string, GrantInput>> | undefined;
  /** For how long a token may be valid from now on, and so for how long a revocation is kept. Default 366 days. */
  readonly tokenLifetimeMsMax?: number | undefined;
}

const text = z.string().min(1).max(1_024);
const roleName = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, { message: "1 to 128 of A-Z a-z 0-9 . _ : -" });
const roleList = z.array(roleName).max(100).default([]);
const identifier = z.string().min(1).max(256);

const BUILT_IN_ROLES = ["viewer", "operator"] as const;

const jwt = z
  .strictObject({
    algorithms: z.array(z.enum(ALGORITHMS)).min(1).max(ALGORITHMS.length),
    secret: z.union([z.string(), z.instanceof(Uint8Array)], { error: "a text or bytes" }).optional(),
    publicKey: z.string().min(1).max(1_048_576).optional(),
    jwksUrl: z.string().max(2_048).optional(),
    issuer: text,
    audience: text,
    clockToleranceMs: z.int().min(0).max(300_000).default(0),
  })
  .superRefine((given, context) => {
    for (const message of wrongKeys(given)) context.addIssue({ code: "custom", message });
  });

type JwtSettings = z.output<typeof jwt>;

/** One kind of key, and algorithms of that kind: a public key taken for a secret would let anybody sign. */
function* wrongKeys({ algorithms, secret, publicKey, jwksUrl }: JwtSettings): Generator<string> {
  const given = [secret, publicKey, jwksUrl].filter((value) => value !== undefined).length;
  if (given !== 1) yield `jwt has ${given} of secret, publicKey, jwksUrl, expected 1`;
  const wrong = algorithms.find((algorithm) => isSymmetric(algorithm) !== (secret !== undefined));
  if (wrong !== undefined) yield `jwt.algorithms has ${wrong}, expected ${secret === undefined ? "one of keys" : "HS256, HS384 or HS512"}`;
  const bytes = secret === undefined ? SECRET_BYTES_MIN : Buffer.byteLength(secret);
  if (bytes < SECRET_BYTES_MIN) yield `jwt.secret has ${bytes} bytes, expected at least ${SECRET_BYTES_MIN}`;
  if (jwksUrl !== undefined && !isSafeUrl(jwksUrl)) yield `jwt.jwksUrl is ${preview(jwksUrl)}, expected an https: URL`;
}

/** Whoever can change what is answered can sign tokens. */
function isSafeUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname } = new URL(given);
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname));
}

export const apiKey = z.strictObject({
  id: identifier,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, { message: "64 hexadecimal digits in lower case" }),
  subject: z.string().refine(isUserName, { message: USER_FORM }).optional(),
  roles: roleList,
  ...grantFields,
});

const grant = z.strictObject(grantFields);

const hook = <Hook>(name: string): z.ZodOptional<z.ZodType<Hook, Hook>> =>
  z
    .custom<Hook>((value) => typeof value === "function", {
      error: ({ input }) => `${name} is ${preview(input)}, expected a function`,
    })
    .optional();

/** What a file may say: all but functions. */
export const authFields = {
  jwt: jwt.optional(),
  apiKeys: z.array(apiKey).max(KEYS_MAX).default([]),
  roles: z.record(roleName, grant).default({}),
  tokenLifetimeMsMax: z
    .int()
    .min(60_000)
    .max(3_660 * DAY_MS)
    .default(366 * DAY_MS),
};

const auth = z.strictObject({
  ...authFields,
  authenticate: hook<Authenticate>("authenticate"),
  authorize: hook<Authorize>("authorize"),
});

export type AuthSettings = z.output<typeof auth>;

/** Resolves what was given, or fails with `BAD_REQUEST` naming the option; no text of it is in the error. */
export function resolveAuth(given: AuthOptions): AuthSettings {
  const settings = validate(auth, given, "auth", withoutText);
  if (settings.jwt === undefined && settings.apiKeys.length === 0 && settings.authenticate === undefined) {
    throw new HoldfastError("BAD_REQUEST", "auth has none of jwt, apiKeys and authenticate, expected at least 1");
  }
  for (const role of BUILT_IN_ROLES) {
    if (Object.hasOwn(settings.roles, role)) {
      throw new HoldfastError("BAD_REQUEST", `roles has ${role}, expected another name: it is one of /admin`);
    }
  }
  const ids = new Set(settings.apiKeys.map(({ id }) => id));
  if (ids.size < settings.apiKeys.length) throw new HoldfastError("BAD_REQUEST", "apiKeys has an id twice, expected each once");
  return settings;
}

const givenIdentity = z.strictObject({
  subject: z.string().refine(isUserName, { error: ({ input }) => `subject is ${preview(input)}, expected ${USER_FORM}` }),
  roles: roleList,
  tokenId: identifier.optional(),
  issuedAt: z.number().optional(),
  expiresAt: z.number().optional(),
  ...grantFields,
});

/** What `authenticate` of an application returned, checked. */
export const readGivenIdentity = (given: unknown): z.output<typeof givenIdentity> =>
  validate(givenIdentity, given, "what authenticate returned", withoutText);

/** The claim `holdfast` of a token. What it has beside is another version's. */
const claim = z.object({ roles: roleList, ...grantFields }).prefault({});

export const readClaim = (given: unknown): z.output<typeof claim> => validate(claim, given, "claim holdfast", withoutText);
