import type { HoldfastError } from "../errors.js";
import type { Host } from "../host.js";
import type { PresenceChange, PresenceListener } from "../room.js";

const PAGE_MAX = 1_000;

/** Who is in one room and here, kept up to date for its listeners: a list that was asked for, and the changes since. */
export class PresenceWatch {
  readonly #host: Host;
  readonly #room: string;
  readonly #over: () => void;
  readonly #listeners = new Set<PresenceListener>();
  /** What the listeners know; undefined before the first list. */
  #online: Set<string> | undefined;
  /** The list that is being asked for. */
  #coming = new Set<string>();
  #asking: Promise<void> | undefined;
  /** Part of that list is here already, so it has to begin anew when it is not to be trusted. */
  #begun = false;
  #again = false;

  /** @param over called when nobody listens any more */
  constructor(host: Host, room: string, over: () => void) {
    this.#host = host;
    this.#room = room;
    this.#over = over;
  }

  async add(listener: PresenceListener): Promise<void> {
    try {
      if (this.#online === undefined) await this.#refresh();
    } catch (error) {
      if (this.#listeners.size === 0) this.#over();
      throw error;
    }
    this.#listeners.add(listener);
    listener([...(this.#online ?? [])], []);
  }

  async remove(listener: PresenceListener): Promise<void> {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#over();
    const sent = this.#page({ watch: false, limit: 1 });
    // Without a connection nothing is watched; it is sent with the next one all the same, after what waits for that.
    if (this.#host.connection.ready) await sent;
    else sent.catch(() => {});
  }

  /** @param changes undefined when some were missed: the list is asked for again */
  take(changes: readonly PresenceChange[] | undefined): void {
    if (changes === undefined) {
      this.#startOver();
      return;
    }
    for (const { user, online } of changes) put(this.#coming, user, online);
    const online = this.#online;
    if (online === undefined) return;
    const told = changes.filter(({ user, online: now, member }) => put(online, user, now) || member !== undefined);
    if (told.length > 0) this.#tell(told);
  }

  #startOver(): void {
    if (this.#asking !== undefined) this.#again ||= this.#begun;
    else if (this.#listeners.size > 0) void this.#keepAsking();
  }

  /** Until there is an answer. Who is a member no more, or of a room that is gone, sees nobody. */
  async #keepAsking(): Promise<void> {
    for (let attempt = 0; this.#listeners.size > 0; attempt++) {
      try {
        await this.#refresh();
        return;
      } catch (error) {
        if ((error as HoldfastError).retryable) {
          await new Promise<void>((resolve) => this.#host.connection.pause(attempt, resolve));
          continue;
        }
        this.#over();
        this.#become(new Set());
        this.#listeners.clear();
      }
    }
  }

  #refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    do {
      this.#again = this.#begun = false;
      this.#coming = new Set();
      for (let after: unknown = 0; after !== undefined && !this.#again; this.#begun = true) {
        const { items, next } = await this.#page({ watch: true, after, limit: PAGE_MAX });
        for (const { user } of items as readonly { user: string }[]) this.#coming.add(user);
        after = next;
      }
    } while (this.#again);
    const list = this.#coming;
    this.#coming = new Set();
    this.#become(list);
  }

  #page(fields: object): Promise<Readonly<Record<string, unknown>>> {
    return this.#host.requests.send("holdfast:presence", { room: this.#room, ...fields });
  }

  #become(now: Set<string>): void {
    const before = this.#online ?? now;
    this.#online = now;
    const came = [...now].filter((user) => !before.has(user)).map((user) => ({ user, online: true }));
    const left = [...before].filter((user) => !now.has(user)).map((user) => ({ user, online: false }));
    if (came.length + left.length > 0) this.#tell([...came, ...left]);
  }

  #tell(changes: readonly PresenceChange[]): void {
    const online = [...(this.#online ?? [])];
    for (const listener of this.#listeners) listener(online, changes);
  }
}

/** Puts the user in or takes it out; returns whether that changed anything. */
function put(users: Set<string>, user: string, online: boolean): boolean {
  const changes = users.has(user) !== online;
  if (online) users.add(user);
  else users.delete(user);
  return changes;
}
