import type { Socket } from "socket.io-client";
import type { HoldfastOptions } from "../options.js";
import type { Outbox } from "../outbox.js";
import { Database } from "./database.js";
import { StoredOutbox } from "./stored-outbox.js";

/** Gives `outbox` its keeper, with what earlier pages left in front of what was published meanwhile. */
export async function open(socket: Socket, outbox: Outbox, options: HoldfastOptions): Promise<StoredOutbox> {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined) throw new Error("this page has no Web Locks, which need https or localhost");
  const name = nameOf(socket, options.outboxName ?? "default");
  const stored = new StoredOutbox(name, locks, await Database.open(name), outbox, options);
  try {
    await stored.begin();
  } catch (error) {
    await stored.end();
    throw error;
  }
  return stored;
}

/** One database for each server, namespace and name. */
function nameOf(socket: Socket, name: string): string {
  // Beyond the public interface of Socket.IO: the address as given to `io`, and the namespace.
  const { io, nsp } = socket as unknown as { io: { uri: string; opts: { path?: string } }; nsp: string };
  return `holdfast ${new URL(io.uri, globalThis.location?.href).origin}${io.opts.path} ${nsp} ${name}`;
}
