import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import { ApiKeys, isApiKey } from "./api-keys.js";
import { Grants } from "./grants.js";
import type { Principal } from "./identity.js";
import { type AuthSettings, type GivenIdentity, type Handshake, readGivenIdentity } from "./options.js";
import type { Revocations, RevocationTarget } from "./revocations.js";
import { Roles } from "./roles.js";
import { Tokens, unauthenticated } from "./tokens.js";

/** How long it may take to find out who somebody is. */
const DEADLINE_MS = 5_000;
const TOKEN_BYTES_MAX = 8_192;

/** Finds out who a handshake belongs to: by the application's rule, by an API key, or by a token. */
export class Authenticator {
  readonly #settings: AuthSettings;
  readonly #roles: Roles;
  readonly #keys: ApiKeys;
  readonly #tokens: Tokens | undefined;
  readonly #revocations: Revocations;
  readonly #clock: Clock;
  readonly #log: Log;

  /** Fails with `BAD_REQUEST` when a key in the settings is none. */
  constructor(settings: AuthSettings, revocations: Revocations, clock: Clock, log: Log) {
    this.#settings = settings;
    this.#roles = new Roles(settings.roles);
    this.#keys = new ApiKeys(settings.apiKeys, this.#roles);
    this.#tokens = settings.jwt === undefined ? undefined : new Tokens(settings.jwt, settings.tokenLifetimeMsMax, this.#roles);
    this.#revocations = revocations;
    this.#clock = clock;
    this.#log = log;
  }

  /** The time by which tokens are judged: that of the system, since others dated them. */
  now(): number {
    return this.#clock.wall?.() ?? this.#clock.now();
  }

  /**
   * Resolves to who it is within 5 s, else fails with `UNAUTHENTICATED` in words that have nothing of any secret, or with
   * the `HoldfastError` that the application's rule threw.
   */
  async authenticate(handshake: Handshake, namespace: string): Promise<Principal> {
    const principal = await this.#withinDeadline(this.#identify(handshake, namespace));
    this.assertValid(principal);
    return principal;
  }

  /** Fails with `UNAUTHENTICATED` when it is expired or revoked by now. */
  assertValid({ identity }: Principal): void {
    const now = this.now();
    if (identity.expiresAt !== undefined && identity.expiresAt <= now) throw unauthenticated("the token is expired");
    if (this.#revocations.covers(identity, now)) throw unauthenticated("the token or key is revoked");
  }

  /** Until when a revocation is to be kept: as long as there may be a token of before; for ever for what never expires. */
  keptUntil(target: RevocationTarget): number | null {
    const isOfKey = this.#settings.apiKeys.some(({ id, subject = id }) =>
      "subject" in target ? subject === target.subject : id === target.tokenId,
    );
    return isOfKey ? null : this.now() + this.#settings.tokenLifetimeMsMax;
  }

  async #identify(handshake: Handshake, namespace: string): Promise<Principal> {
    const own = await this.#askApplication(handshake, namespace);
    if (own !== undefined) return own;
    const { token } = handshake.auth;
    if (token === undefined) throw unauthenticated("expected auth { token }");
    if (typeof token !== "string" || token === "" || Buffer.byteLength(token) > TOKEN_BYTES_MAX) {
      throw unauthenticated(`auth.token is not a text of 1 to ${TOKEN_BYTES_MAX} bytes`);
    }
    if (isApiKey(token)) {
      const principal = this.#keys.find(token);
      if (principal === undefined) throw unauthenticated("the API key is not known");
      return principal;
    }
    if (this.#tokens === undefined) throw unauthenticated("the token is not known");
    return this.#tokens.read(token, this.now());
  }

  async #askApplication(handshake: Handshake, namespace: string): Promise<Principal | undefined> {
    const { authenticate } = this.#settings;
    if (authenticate === undefined) return undefined;
    let given: GivenIdentity | undefined;
    try {
      given = await authenticate(handshake, namespace);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw this.#applicationFailed(namespace, placeOf(error));
      // Its refusal, or what it knows of its outage, in its own words.
      this.#log.warn(`authenticate refused somebody in namespace ${namespace}: ${error.message}`);
      throw error;
    }
    if (given === undefined) return undefined;
    try {
      const { subject, roles, tokenId, issuedAt, expiresAt, ...granted } = readGivenIdentity(given);
      const identity = { subject, roles, by: "application", tokenId, issuedAt, expiresAt } as const;
      return { identity, grants: new Grants([granted, ...this.#roles.grantsOf(roles)]) };
    } catch (error) {
      throw this.#applicationFailed(namespace, HoldfastError.from(error).message);
    }
  }

  /** Nobody refused anything: with the application mended the same handshake may be let in. */
  #applicationFailed(namespace: string, what: string): HoldfastError {
    this.#log.error(`authenticate failed in namespace ${namespace}: ${what}`);
    return unauthenticated("it cannot be found out just now who this is", true);
  }

  async #withinDeadline(work: Promise<Principal>): Promise<Principal> {
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(unauthenticated(`it took longer than ${DEADLINE_MS} ms to find out who this is`, true));
      cancel = this.#clock.wakeAt(this.#clock.now() + DEADLINE_MS, giveUp);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }
}

/** What failed and where, without what it says, which may be about a password. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw a value of type ${typeof error}`;
  const { name, code, stack = "" } = error as NodeJS.ErrnoException;
  const kind = typeof code === "string" && /^\w+$/.test(code) ? `${name} ${code}` : name;
  return [kind, ...stack.split("\n").filter((line) => /^ +at /.test(line))].join("\n");
}
