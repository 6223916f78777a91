import type { RoomAddress, RoomTarget } from "./room-engine.js";

/** What of a room may be watched: who of its members is here, or what becomes of its messages. */
export type RoomWatchKind = "presence" | "receipts";

/** A user of a watched room came, went, became a member or ceased to be one. */
export interface PresenceNews {
  readonly kind: "presence";
  readonly namespace: string;
  readonly room: string;
  readonly user: string;
  /** Whether a device of the user is attached now. */
  readonly online: boolean;
  /** Given when it became a member (true), or ceased to be one (false). */
  readonly member?: boolean;
}

/** Something was stored in a watched room, or settled: its counts may be others. Only a hint. */
interface ReceiptsNews {
  readonly kind: "receipts";
  readonly namespace: string;
  readonly target: RoomTarget;
}

/** A watched room is gone, and with it whoever watched it. */
interface RemovedNews {
  readonly kind: "removed";
  readonly namespace: string;
  readonly target: RoomTarget;
}

export type RoomNews = PresenceNews | ReceiptsNews | RemovedNews;

/** How many users have a message, may still get it, and never will. */
export interface RoomCounts {
  readonly delivered: number;
  readonly pending: number;
  readonly failed: number;
}

/** A message whose counts may be asked for. */
export interface CountedMessage {
  readonly id: string;
  readonly sequence: number;
  /** Members that do not get it, by number: the engine's own. */
  readonly excluded: { values(): Iterable<number> } | undefined;
}

/** A part of a room's log. */
export interface RoomStretch {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

/**
 * What happens in rooms, for those who watch: the part of the engine contract that nothing depends on but what people
 * see. A room that nobody watches costs nothing. Whatever is watched is watched no more when the room is removed or the
 * engine begins a new life.
 */
export interface RoomWatching {
  /** From now on `onRoomNews` tells of the room. Again changes nothing. Synchronous. `NOT_FOUND` when there is no such room. */
  watch(namespace: string, target: RoomTarget, kind: RoomWatchKind): void;
  unwatch(namespace: string, target: RoomTarget, kind: RoomWatchKind): void;
  /** Whether the user is a member; false when there is no such room. Synchronous. */
  isMember(address: RoomAddress, user: string): boolean;
  /** One past the last message of the room that is durable; 0 when there is no such room. Synchronous. */
  endOf(namespace: string, target: RoomTarget): number;

  /**
   * Looks through what the room has of a stretch, from the newest message backwards: at most the newest 10,000, and only
   * until `countMax` were accepted. Resolves to those, the newest first, and to what was looked through.
   *
   * @param accepts called with the record of each message
   */
  search(
    namespace: string,
    target: RoomTarget,
    stretch: RoomStretch,
    countMax: number,
    accepts: (record: Uint8Array, sequence: number) => boolean,
  ): Promise<{ readonly found: readonly CountedMessage[]; readonly looked: RoomStretch }>;

  /**
   * The counts that `ledger` would give of each of these messages, all at this moment, and what it cost to find out: about
   * how many looks at a member or a message. It looks at every member, but not at every message for each of them. Synchronous.
   *
   * @param messages of the room, by rising sequence
   */
  counts(
    namespace: string,
    target: RoomTarget,
    messages: readonly CountedMessage[],
  ): { readonly counts: readonly RoomCounts[]; readonly cost: number };
}
