import { countsOf } from "../core/rooms/counts.js";
import { memberKey } from "../core/rooms/member.js";
import type { Room } from "../core/rooms/room.js";
import type { RoomAddress, RoomTarget } from "../room-engine.js";
import type { CountedMessage, RoomCounts, RoomStretch, RoomWatching, RoomWatchKind } from "../room-watching.js";
import type { Store } from "../store.js";
import type { Lives } from "./lives.js";
import { looked } from "./looked.js";
import { searchRoom } from "./room-search.js";

/** What is watched of the rooms of an engine that is made of the core and a store. */
export class StoredWatching implements RoomWatching {
  readonly #store: Store;
  readonly #lives: Lives;

  constructor(store: Store, lives: Lives) {
    this.#store = store;
    this.#lives = lives;
  }

  watch(namespace: string, target: RoomTarget, kind: RoomWatchKind): void {
    const room = this.#require(namespace, target);
    room.watched ??= new Set();
    room.watched.add(kind);
  }

  unwatch(namespace: string, target: RoomTarget, kind: RoomWatchKind): void {
    this.#find(namespace, target)?.watched?.delete(kind);
  }

  isMember({ namespace, room }: RoomAddress, user: string): boolean {
    return this.#find(namespace, { room })?.find(memberKey({ user })) !== undefined;
  }

  endOf(namespace: string, target: RoomTarget): number {
    return this.#find(namespace, target)?.durableNext ?? 0;
  }

  async search(
    namespace: string,
    target: RoomTarget,
    stretch: RoomStretch,
    countMax: number,
    accepts: (record: Uint8Array, sequence: number) => boolean,
  ): Promise<{ readonly found: readonly CountedMessage[]; readonly looked: RoomStretch }> {
    return looked(searchRoom(this.#store, this.#require(namespace, target), stretch, countMax, accepts));
  }

  counts(
    namespace: string,
    target: RoomTarget,
    messages: readonly CountedMessage[],
  ): { readonly counts: readonly RoomCounts[]; readonly cost: number } {
    return countsOf(this.#require(namespace, target), messages);
  }

  #find(namespace: string, target: RoomTarget): Room | undefined {
    return this.#lives.current?.core.rooms.catalog.find(namespace, target);
  }

  /** The room of a running engine; else an error says why not. */
  #require(namespace: string, target: RoomTarget): Room {
    return this.#lives.running().core.rooms.catalog.requireTarget(namespace, target);
  }
}
