import type { Socket } from "socket.io-client";
import type { Party } from "../connection.js";
import type { Host } from "../host.js";
import type { PresenceChange, PresenceListener, ReceiptsListener, RoomMessageCounts, RoomWatch } from "../room.js";
import { PresenceWatch } from "./presence-watch.js";
import { ReceiptsWatch } from "./receipts-watch.js";

/** Counts of a message, of whichever room. */
type RoomUpdate = RoomMessageCounts & { readonly room?: string };

/** What this client watches of its rooms; loaded with the first watch. On each connection it watches again. */
export class Watches implements Party {
  /** A client that closes does not wait for it. */
  readonly idle = true;
  readonly #host: Host;
  readonly #presence = new Map<string, PresenceWatch>();
  readonly #receipts = new Map<string, ReceiptsWatch>();

  constructor(host: Host, socket: Socket) {
    this.#host = host;
    socket.on("holdfast:presence", ({ room, changes }: { room: string; changes?: readonly PresenceChange[] }) => {
      this.#presence.get(room)?.take(changes);
    });
    socket.on("holdfast:receipts", ({ room, items }: { room: string; items?: readonly RoomUpdate[] }) => {
      if (items === undefined) this.#receipts.get(room)?.again();
      else for (const [name, watch] of this.#receipts) watch.take(items.filter((item) => item.room === name));
    });
    host.connection.join(this);
  }

  async presence(room: string, listener: PresenceListener): Promise<RoomWatch> {
    const watch = this.#presence.get(room) ?? new PresenceWatch(this.#host, room, () => this.#presence.delete(room));
    this.#presence.set(room, watch);
    await watch.add(listener);
    return { stop: () => watch.remove(listener) };
  }

  async receipts(room: string, listener: ReceiptsListener, from: number | undefined): Promise<RoomWatch> {
    const watch = this.#receipts.get(room) ?? new ReceiptsWatch(this.#host, room, () => this.#receipts.delete(room));
    this.#receipts.set(room, watch);
    await watch.add(listener, from);
    return { stop: () => watch.remove(listener) };
  }

  onReady(): void {
    for (const watch of this.#presence.values()) watch.take(undefined);
    for (const watch of this.#receipts.values()) watch.again();
  }

  onRefused(): void {}
}
