import type { PresenceChange, Room, RoomWatch } from "holdfast-client";

export interface Person {
  readonly user: string;
  readonly online: boolean;
}

const MEMBERS_MAX = 1_000;

/** Who is in a room, and who of them is here now; kept up to date while somebody looks. */
export class People {
  readonly #room: Room;
  readonly #changed: () => void;
  #members: readonly string[] = [];
  #online: ReadonlySet<string> = new Set();
  #watch: Promise<RoomWatch> | undefined;

  constructor(room: Room, changed: () => void) {
    this.#room = room;
    this.#changed = changed;
  }

  get list(): readonly Person[] {
    return this.#members.map((user) => ({ user, online: this.#online.has(user) }));
  }

  watch(): void {
    this.#watch ??= this.#room.watchPresence((online, changes) => this.#onPresence(online, changes));
    this.#watch.catch(() => {
      // This user is no member any more: then the room goes from the list, too.
      this.#watch = undefined;
    });
  }

  #onPresence(online: readonly string[], changes: readonly PresenceChange[]): void {
    this.#online = new Set(online);
    const isOther = changes.length === 0 || changes.some(({ member }) => member !== undefined);
    if (isOther || online.some((user) => !this.#members.includes(user))) void this.refresh();
    this.#changed();
  }

  /** Asks for the members, which those who are online are only some of. */
  async refresh(): Promise<void> {
    if (this.#watch === undefined) return;
    try {
      const { items } = await this.#room.members({ limit: MEMBERS_MAX });
      this.#members = items.flatMap((member) => ("user" in member ? [member.user] : []));
      this.#changed();
    } catch {
      // The next connection asks again.
    }
  }

  end(): void {
    void this.#watch?.then((watch) => watch.stop()).catch(() => undefined);
    this.#watch = undefined;
  }
}
