import { HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import { preview } from "../validate.js";
import { isBoundToLoopback } from "./socket-port.js";

const IDENTITY_BYTES_MAX = 256;

/** Says who a socket belongs to: 1 to 256 bytes of UTF-8, or undefined for nobody in particular. */
export type Identify = (socket: Socket) => string | undefined;

/**
 * Who a socket belongs to. Without `identify` a client may name itself (`auth: { user }`), but only to a server that
 * no other machine reaches.
 */
export function identityOf(socket: Socket, identify: Identify | undefined): string | undefined {
  const claimed: unknown = identify === undefined ? claimedUser(socket) : identify(socket);
  if (claimed === undefined) return undefined;
  if (typeof claimed !== "string" || claimed === "" || Buffer.byteLength(claimed) > IDENTITY_BYTES_MAX) {
    throw new HoldfastError("UNAUTHENTICATED", `user is ${preview(claimed)}, expected 1 to ${IDENTITY_BYTES_MAX} bytes of UTF-8`);
  }
  return claimed;
}

function claimedUser(socket: Socket): unknown {
  return isBoundToLoopback(socket) ? socket.handshake.auth.user : undefined;
}
