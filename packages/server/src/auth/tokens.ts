import { HoldfastError } from "holdfast-client/protocol";
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { isUserName, USER_FORM } from "../user-name.js";
import { Grants } from "./grants.js";
import type { Principal } from "./identity.js";
import { keySource } from "./key-source.js";
import { type AuthSettings, readClaim } from "./options.js";
import type { Roles } from "./roles.js";

type JwtSettings = NonNullable<AuthSettings["jwt"]>;

const TOKEN_ID_BYTES_MAX = 256;

export const unauthenticated = (message: string, retryable = false): HoldfastError =>
  new HoldfastError("UNAUTHENTICATED", message, retryable);

/** Reads JSON Web Tokens. No error has anything of a token in it. */
export class Tokens {
  readonly #settings: JwtSettings;
  readonly #lifetimeMsMax: number;
  readonly #keys: JWTVerifyGetKey;
  readonly #roles: Roles;

  constructor(settings: JwtSettings, lifetimeMsMax: number, roles: Roles) {
    this.#settings = settings;
    this.#lifetimeMsMax = lifetimeMsMax;
    this.#keys = keySource(settings);
    this.#roles = roles;
  }

  /**
   * Who a token belongs to.
   *
   * @param now milliseconds since 1970
   * @throws HoldfastError `UNAUTHENTICATED`, retryable when only its key could not be had
   */
  async read(token: string, now: number): Promise<Principal> {
    return this.#principal(await this.#verified(token, now), now);
  }

  async #verified(token: string, now: number): Promise<JWTPayload> {
    const { algorithms, issuer, audience, clockToleranceMs } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms: [...algorithms],
        issuer,
        audience,
        clockTolerance: clockToleranceMs / 1_000,
        currentDate: new Date(now),
        requiredClaims: ["sub", "exp"],
      });
      return payload;
    } catch (error) {
      throw refusal(error);
    }
  }

  #principal({ sub, exp = 0, iat, jti, holdfast }: JWTPayload, now: number): Principal {
    if (!isUserName(sub)) throw unauthenticated(`claim sub of the token is not ${USER_FORM}`);
    // With the tolerance that `jwtVerify` gave it.
    const expiresAt = exp * 1_000 + this.#settings.clockToleranceMs;
    if (expiresAt - now > this.#lifetimeMsMax) {
      const days = Math.floor(this.#lifetimeMsMax / 86_400_000);
      throw unauthenticated(`the token is valid for longer than ${days} days, expected at most that (tokenLifetimeMsMax)`);
    }
    if (jti !== undefined && Buffer.byteLength(jti) > TOKEN_ID_BYTES_MAX) {
      throw unauthenticated(`claim jti of the token has more than ${TOKEN_ID_BYTES_MAX} bytes`);
    }
    const claim = claimOf(holdfast);
    const { roles, ...granted } = claim;
    const issuedAt = iat === undefined ? undefined : iat * 1_000;
    const identity = { subject: sub, roles, by: "token", tokenId: jti, issuedAt, expiresAt } as const;
    return { identity, grants: new Grants([granted, ...this.#roles.grantsOf(roles)]) };
  }
}

function claimOf(given: unknown): ReturnType<typeof readClaim> {
  try {
    return readClaim(given);
  } catch (error) {
    throw error instanceof HoldfastError ? unauthenticated(`the token has a claim that cannot be read: ${error.message}`) : error;
  }
}

/** What is wrong with a token, in words that have nothing of it. */
function refusal(error: unknown): HoldfastError {
  if (error instanceof errors.JWTExpired) return unauthenticated("the token is expired");
  if (error instanceof errors.JWTClaimValidationFailed) return unauthenticated(`the token has no right claim ${error.claim}`);
  if (error instanceof errors.JOSEAlgNotAllowed) return unauthenticated("the token is signed by an algorithm that is not taken");
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return unauthenticated("the token is signed by a key that is not known");
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return unauthenticated("the signature of the token is wrong");
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return unauthenticated("the token is not a JSON Web Token");
  if (error instanceof errors.JOSENotSupported) return unauthenticated("the token needs what is not supported");
  // Only fetching the keys is left, and keys that do not go with the algorithm.
  const isUnfit = error instanceof TypeError && /key/i.test(error.message);
  return isUnfit
    ? unauthenticated("the token is signed by an algorithm that its key is not for")
    : unauthenticated("the keys of tokens cannot be had now", true);
}
