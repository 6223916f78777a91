import type { Manager } from "socket.io-client";

/** Loses a connection, if there is one. That a connection which still opens is closed, its manager does not hear, and would wait for it for 20 s. */
export function dropConnection({ engine }: Manager): void {
  if (engine?.readyState === "open") engine.close();
}
