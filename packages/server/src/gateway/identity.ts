import { HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import type { Log } from "../log.js";
import { isUserName, USER_FORM } from "../user-name.js";
import { preview } from "../validate.js";
import { isBoundToLoopback } from "./socket-port.js";

/** Says who a socket belongs to: 1 to 256 bytes of UTF-8, or undefined for nobody in particular. */
export type Identify = (socket: Socket) => string | undefined;

/** Takes everybody for whom he says he is (`auth: { user }`). */
export const anybody: Identify = (socket) => socket.handshake.auth.user;

/** Whether clients are taken at their word: only this machine reaches the server, or everybody who does is meant to be. */
export const trustsClients = (socket: Socket, identify: Identify | undefined): boolean => identify === anybody || isBoundToLoopback(socket);

/**
 * Who a socket belongs to. Without `identify` a client may name itself (`auth: { user }`), but only to a server that
 * no other machine reaches.
 */
export function identityOf(socket: Socket, identify: Identify | undefined, log: Pick<Log, "error">): string | undefined {
  const rule = identify ?? (isBoundToLoopback(socket) ? anybody : undefined);
  const claimed: unknown = rule === undefined ? undefined : identifiedBy(rule, socket, log);
  if (claimed === undefined) return undefined;
  if (isUserName(claimed)) return claimed;
  throw new HoldfastError("UNAUTHENTICATED", `user is ${preview(claimed)}, expected ${USER_FORM}`);
}

/** What the application's rule says. Why it fails is the log's: it may tell of the inside. */
function identifiedBy(identify: Identify, socket: Socket, log: Pick<Log, "error">): unknown {
  try {
    return identify(socket);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    log.error(`identify failed: ${error instanceof Error ? error.stack : String(error)}`);
    throw new HoldfastError("UNAUTHENTICATED", "identify failed, so nobody knows who this connection belongs to");
  }
}

/** Why a socket belongs to nobody, and what would change that; `identify` is there when the application has such a rule. */
export function whyNobody(socket: Socket, identify: Identify | undefined): string {
  if (identify !== undefined && identify !== anybody) return "identify names none for it";
  if (trustsClients(socket, identify)) return "expected auth { user }";
  return "the server is not bound to loopback, so auth { user } does not count: expected attach(io, { identify })";
}
