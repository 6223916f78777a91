import { createPublicKey } from "node:crypto";
import { HoldfastError } from "holdfast-client/protocol";
import { createLocalJWKSet, createRemoteJWKSet, type JWK, type JWTVerifyGetKey } from "jose";
import type { JwtOptions } from "./options.js";

/** So long a set of keys is kept, and so long it is not fetched again for a key that it does not have. */
const KEPT_MS = 600_000;
const COOLDOWN_MS = 30_000;
const FETCH_TIMEOUT_MS = 4_000;

/** Where the key of a token is found. Fails with `BAD_REQUEST` when what was given is no key. */
export function keySource({ secret, publicKey, jwksUrl }: JwtOptions): JWTVerifyGetKey {
  if (jwksUrl !== undefined) return remoteKeys(jwksUrl);
  if (publicKey !== undefined) return publicKeys(publicKey.trim());
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : (secret ?? new Uint8Array());
  return async () => bytes;
}

function remoteKeys(url: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), { cacheMaxAge: KEPT_MS, cooldownDuration: COOLDOWN_MS, timeoutDuration: FETCH_TIMEOUT_MS });
}

function publicKeys(text: string): JWTVerifyGetKey {
  try {
    if (!text.startsWith("{")) {
      if (text.includes("PRIVATE KEY")) throw new Error("it is a private key, which no server needs");
      const key = createPublicKey(text);
      return async () => key;
    }
    const given = JSON.parse(text) as JWK | { readonly keys: JWK[] };
    const keys = "keys" in given && Array.isArray(given.keys) ? given.keys : [given as JWK];
    if (keys.some((key) => key.kty === "oct" || key.d !== undefined))
      throw new Error("it has a secret or private key, expected public ones");
    return createLocalJWKSet({ keys });
  } catch (error) {
    throw new HoldfastError("BAD_REQUEST", `jwt.publicKey cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
