import { isIPv6, type Socket } from "node:net";
import { isLoopbackAddress } from "./loopback.js";

/**
 * Whether an origin is this very server, by the address that the connection came in at: some libraries for programs
 * (Python's `websocket-client`) send that. Names other than `localhost` do not count, since anybody can have a name
 * that leads here, and pages under it.
 */
export function isOwnOrigin(origin: string, { localAddress = "", localPort = 0 }: Pick<Socket, "localAddress" | "localPort">): boolean {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/, "");
  const hosts = [isIPv6(address) ? `[${address}]` : address, ...(isLoopbackAddress(address) ? ["localhost"] : [])];
  // Port 80 is not in an origin.
  return hosts.some((host) => URL.canParse(`http://${host}:${localPort}`) && new URL(`http://${host}:${localPort}`).origin === origin);
}
