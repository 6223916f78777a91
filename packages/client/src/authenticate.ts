import type { Holdfast } from "./client.js";
import { HoldfastError } from "./errors.js";

/**
 * Gives the server a fresh token on a live connection: what was begun goes on, with the permissions of that token. Where
 * `auth` of the socket is an object the token stays in it, for when the client connects again.
 *
 * @returns until when it is valid, in milliseconds since 1970
 * @throws HoldfastError by rejection. `UNAUTHENTICATED`, or `FORBIDDEN` when it is another user's: then nothing changed.
 *   `UNKNOWN`: the connection was lost before the answer
 *
 * @example
 * import { authenticate } from "holdfast-client/authenticate";
 * await authenticate(holdfast, await freshToken());
 */
export async function authenticate(holdfast: Holdfast, token: string): Promise<{ readonly expiresAt?: number }> {
  const { socket, host } = holdfast;
  if (typeof token !== "string") throw new HoldfastError("BAD_REQUEST", `token is ${typeof token}, expected text`);
  const { expiresAt } = await host.requests.send("holdfast:authenticate", { token });
  const { auth } = socket;
  if (typeof auth !== "function") socket.auth = { ...auth, token };
  return typeof expiresAt === "number" ? { expiresAt } : {};
}
