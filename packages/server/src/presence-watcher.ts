/** What became of a user of a room. */
export interface PresenceChange {
  readonly user: string;
  readonly online: boolean;
  /** Given when it became a member (true), or ceased to be one (false). */
  readonly member?: boolean;
}

/** Somebody who wants to know who is in a room, and here. */
export interface PresenceWatcher {
  /** Who watches: once it is a member no more it is told that, and nothing more. Undefined for the server itself. */
  readonly user: string | undefined;
  /** Whether it takes something now. */
  hasRoom(): boolean;
  /** Calls `wake` once when `hasRoom` is worth another look. */
  whenRoom(wake: () => void): void;
  /** @param changes each of another user */
  tell(room: string, changes: readonly PresenceChange[]): void;
  /** What was told is not all, or it watches no more: it is to ask again, and hears why. */
  askAgain(room: string): void;
  /** It does not watch this room any more: it left, or the room is gone. */
  ended(room: string): void;
}
