import { createHmac, randomBytes } from "node:crypto";
import type { HoldfastOptions } from "holdfast";

const ISSUER = "https://issuer.example";
const AUDIENCE = "bench";
const VALID_SECONDS = 86_400;
/** Names of queues that are somebody else's: what a name is compared with before it is found. */
const OTHERS = Array.from({ length: 20 }, (_, index) => `orders-${index}.*`);

/** Who may come in to a server that knows this secret: everything that there is to check is checked. */
export const authOf = (secret: string): NonNullable<HoldfastOptions["auth"]> => ({
  jwt: { algorithms: ["HS256"], secret, issuer: ISSUER, audience: AUDIENCE },
  roles: { worker: { consume: [...OTHERS, "bench*"] } },
  authorize: () => undefined,
});

export const newSecret = (): string => randomBytes(32).toString("hex");

/** A token for such a server, of somebody who may use the queue of the benchmark. */
export function tokenOf(secret: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const holdfast = { publish: [...OTHERS, "bench*"], roles: ["worker"] };
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "bench", iat: now, exp: now + VALID_SECONDS, jti: "bench-1", holdfast };
  const text = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
