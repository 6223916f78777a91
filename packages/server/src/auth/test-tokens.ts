import { SignJWT } from "jose";
import type { AuthOptions } from "./options.js";

export const SECRET = "a secret that nobody guesses, of 32 bytes or more";
const ISSUER = "https://issuer.example";
const AUDIENCE = "holdfast-test";

export const JWT = { algorithms: ["HS256"], secret: SECRET, issuer: ISSUER, audience: AUDIENCE, clockToleranceMs: 0 } as const;
export const AUTH: AuthOptions = { jwt: JWT };

/** A token of the test's issuer: by default of ann, for an hour from now on. */
export function tokenOf(claims: Readonly<Record<string, unknown>> = {}, now: number = Date.now()): Promise<string> {
  const seconds = Math.floor(now / 1_000);
  return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "ann", iat: seconds, exp: seconds + 3_600, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
}
