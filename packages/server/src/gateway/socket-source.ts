import type { Socket } from "socket.io";
import type { Source } from "../limits/client-addresses.js";

/** Where a socket came from, as its handshake says. */
export const sourceOf = ({ handshake: { address, headers } }: Pick<Socket, "handshake">): Source => ({
  remoteAddress: address,
  forwardedFor: headers["x-forwarded-for"]?.toString(),
});
