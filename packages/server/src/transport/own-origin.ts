import { isIPv6 } from "node:net";
import { isLoopbackAddress } from "./loopback.js";

/** How a connection came in. */
interface Reached {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** Of TLS: `TLSSocket.encrypted`. */
  readonly encrypted?: boolean;
}

/**
 * Whether an origin is this very server, by the address that the connection came in at: some libraries for programs
 * (Python's `websocket-client`) send that. Names other than `localhost` do not count, since anybody can have a name
 * that leads here, and pages under it.
 */
export function isOwnOrigin(origin: string, { localAddress = "", localPort = 0, encrypted = false }: Reached): boolean {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, "");
  const hosts = [isIPv6(address) ? `[${address}]` : address, ...(isLoopbackAddress(address) ? ["localhost"] : [])];
  const scheme = encrypted ? "https" : "http";
  // Port 80, or 443, is not in an origin.
  return hosts.map((host) => `${scheme}://${host}:${localPort}`).some((url) => URL.canParse(url) && new URL(url).origin === origin);
}
