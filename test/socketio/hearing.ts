import type { Namespace, Server } from "socket.io";
import type { Socket } from "socket.io-client";

/** The next event of that name, as its arguments. */
export const next = (socket: Socket, event: string): Promise<unknown[]> =>
  new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args)));

/** Every event of that name from now on, as its arguments. */
export function collect(socket: Socket, event: string): unknown[][] {
  const heard: unknown[][] = [];
  socket.on(event, (...args: unknown[]) => heard.push(args));
  return heard;
}

/**
 * What each client got under that name because of `act`. Packets to a client stay in order, so a last one to all of them
 * shows that nothing more is on its way.
 */
export async function heard(to: Server | Namespace, clients: readonly Socket[], event: string, act: () => unknown): Promise<unknown[][][]> {
  const collected = clients.map((client) => collect(client, event));
  await act();
  const last = clients.map((client) => next(client, "last"));
  to.emit("last");
  await Promise.all(last);
  for (const client of clients) client.off(event);
  return collected;
}

/** Which of the clients got the event, by their place. */
export async function hearers(to: Server | Namespace, clients: readonly Socket[], act: (event: string) => unknown): Promise<number[]> {
  const got = await heard(to, clients, "news", () => act("news"));
  return got.flatMap((events, place) => events.map(() => place));
}
