import type { Receipt, Room, RoomDelivery, RoomGap } from "holdfast-client";
import { Entries } from "./entries.js";
import { type Body, bodyOf, type Entry, type Message, type Waiting } from "./entry.js";
import { randomName } from "./identity.js";
import { Observable } from "./observable.js";
import { People } from "./people.js";
import type { RoomState, Store } from "./store.js";
import { Ticks } from "./ticks.js";
import { Typists } from "./typists.js";

/** The room's event that carries a message of this chat. */
const MESSAGE = "message";
const PAGE = 50;

/** What a conversation has from the chat that it belongs to. */
interface Host {
  readonly user: string;
  readonly store: Store;
  /** Somebody is looking at this conversation now. */
  isSeen(conversation: Conversation): boolean;
}

/**
 * One durable room as this browser has it: what is stored, in the order of the room, and below it what was written here
 * and waits to be stored.
 */
export class Conversation extends Observable {
  readonly name: string;
  readonly people: People;
  readonly ticks: Ticks;
  readonly typists = new Typists(() => this.changed());
  /** Written here and not known to be stored, in the order of writing. */
  waiting: readonly Waiting[] = [];
  unread = 0;
  /** Begun and not written to the end: it stays while another room is looked at. */
  draft = "";
  /** What came after this sequence was not seen when the conversation was opened. */
  newAfter: number | undefined;
  /** The message of somebody else that came last, to be read out. */
  latest: Message | undefined;
  isLoading = false;
  /** There is nothing before the first entry. */
  isAtBeginning = false;
  /** The server said where this device begins in the room. */
  hasBegun: boolean;
  readonly #room: Room;
  readonly #host: Host;
  readonly #entries = new Entries();
  #state: RoomState;
  #isOpen = false;

  /** @param state as it was kept; undefined for a room that is being joined */
  constructor(room: Room, state: RoomState | undefined, host: Host) {
    super();
    this.name = room.name;
    this.#room = room;
    this.hasBegun = state !== undefined;
    this.#state = state ?? { name: room.name, from: Number.MAX_SAFE_INTEGER, complete: false, read: 0 };
    this.#host = host;
    this.people = new People(room, () => this.changed());
    this.ticks = new Ticks(room, () => this.changed());
    // In the turn in which the client was made, or the room was joined: nothing comes before its handler is there.
    void room.on<[unknown]>(MESSAGE, (body, delivery) => this.#onMessage(bodyOf(body), delivery));
    void room.onGap((gap) => this.#onGap(gap));
  }

  get entries(): readonly Entry[] {
    return this.#entries.list;
  }

  /** To be called with the first sequence that this device gets; what was before is the past, and nobody missed it. */
  begin(sequence: number): void {
    this.hasBegun = true;
    this.#remember({ from: sequence, complete: sequence <= 1, read: Math.max(this.#state.read, sequence - 1) });
  }

  // --- what comes ------------------------------------------------------------------------------------------------

  /** The message is acknowledged when this resolves: once it is on this browser's disk. */
  async #onMessage(body: Body, { sequence, id, sender = "the server" }: RoomDelivery): Promise<void> {
    await this.#take({ kind: "message", room: this.name, sequence, id, sender, ...body });
    this.typists.stopped(sender);
  }

  /** Told again by the server until this resolves, as well. */
  #onGap({ from, to, reason }: RoomGap): Promise<void> {
    return this.#take({ kind: "gap", room: this.name, sequence: to, from, reason });
  }

  async #take(entry: Entry): Promise<void> {
    await this.#host.store.put(entry);
    const isNew = this.#entries.add(entry);
    if (entry.kind === "message") this.#settle(entry.id);
    if (isNew && entry.sequence > this.#state.read && entry.kind === "message" && entry.sender !== this.#host.user) {
      this.unread++;
      this.latest = entry;
    }
    if (this.#host.isSeen(this)) this.see();
    if (!this.#isOpen) this.trim();
    this.#follow();
    this.changed();
  }

  /** Wants to know who has what was written here, of all that is shown. */
  #follow(): void {
    const own = this.entries.find((entry) => entry.kind === "message" && entry.sender === this.#host.user);
    if (this.#isOpen && own !== undefined) this.ticks.follow(own.sequence);
  }

  // --- what is written here --------------------------------------------------------------------------------------

  /** Writes a message: it is shown at once, and waits in the outbox until the server has stored it. */
  async write(text: string): Promise<void> {
    await this.#emit({ id: randomName(), text, writtenAt: Date.now() });
  }

  /** Tries again what was refused, as the same message. */
  async writeAgain(waiting: Waiting): Promise<void> {
    this.#settle(waiting.id);
    await this.#emit({ ...waiting, failure: undefined });
  }

  /** Takes back what was refused. */
  discard({ id }: Waiting): void {
    this.#settle(id);
    this.changed();
  }

  #emit(waiting: Waiting): Promise<void> {
    const { id, text, writtenAt } = waiting;
    return this.awaitReceipt(waiting, this.#room.emitWith({ id }, MESSAGE, { text, writtenAt }));
  }

  /** Shows a message as waiting until its receipt comes: it is written here, or was by a page before this one. */
  async awaitReceipt(waiting: Waiting, receipt: Promise<Receipt>): Promise<void> {
    const { id, text, writtenAt } = waiting;
    if (this.waiting.some((other) => other.id === id)) return;
    this.waiting = [...this.waiting, waiting];
    this.changed();
    try {
      const { sequence } = await receipt;
      // Stored. It comes as a message, too; that it is here already is no matter.
      await this.#take({ kind: "message", room: this.name, sequence, id, sender: this.#host.user, text, writtenAt });
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      this.waiting = this.waiting.map((other) => (other.id === id ? { ...waiting, failure } : other));
      this.changed();
    }
  }

  #settle(id: string): void {
    this.waiting = this.waiting.filter((other) => other.id !== id);
  }

  // --- what is looked at -----------------------------------------------------------------------------------------

  /** To be called when somebody opens it. */
  async open(): Promise<void> {
    this.#isOpen = true;
    this.newAfter = this.unread > 0 ? this.#state.read : undefined;
    this.people.watch();
    this.see();
    if (this.entries.length < PAGE) await this.loadOlder();
  }

  /** Everything that is here was seen. */
  see(): void {
    const { last } = this.#entries;
    this.unread = 0;
    if (last > this.#state.read) this.#remember({ read: last });
    this.changed();
  }

  /** Nobody looks at it any more. */
  leave(): void {
    this.#isOpen = false;
    this.people.end();
    this.ticks.end();
    this.newAfter = undefined;
    this.trim();
  }

  /** Lets old messages go from memory, when there are many and nobody looks at them; they are read again when somebody does. */
  trim(): void {
    if (!this.#entries.trim()) return;
    this.isAtBeginning = false;
    this.changed();
  }

  /** What the list of rooms shows of it, when the page is loaded: the last message, and how many were not seen. */
  async glance(): Promise<void> {
    const { store, user } = this.#host;
    const [last] = await store.before(this.name, Number.POSITIVE_INFINITY, 1);
    if (last !== undefined) this.#entries.add(last);
    if (this.#isOpen) return;
    this.unread = await store.countUnread(this.name, this.#state.read, user);
    this.changed();
  }

  /** Brings the messages before the first one: from this browser, or, where it has none, from the server. */
  async loadOlder(): Promise<void> {
    if (this.isLoading || this.isAtBeginning) return;
    this.isLoading = true;
    this.changed();
    try {
      const kept = await this.#host.store.before(this.name, this.#entries.first, PAGE);
      const older = kept.length > 0 || this.#state.complete ? kept : await this.#fetchOlder();
      for (const entry of older) this.#entries.add(entry);
      this.isAtBeginning = this.#state.complete && older.length < PAGE;
      this.#follow();
    } catch {
      // The server cannot be asked now: whoever scrolls up again asks again.
    } finally {
      this.isLoading = false;
      this.changed();
    }
  }

  async #fetchOlder(): Promise<readonly Entry[]> {
    const { items, next } = await this.#room.history({ before: this.#state.from, limit: PAGE });
    const found: Entry[] = items
      .filter(({ event }) => event === MESSAGE)
      .map(({ sequence, id, sender = "the server", args: [body] }) => ({
        kind: "message",
        room: this.name,
        sequence,
        id,
        sender,
        ...bodyOf(body),
      }));
    await this.#host.store.put(...found);
    this.#remember({ from: next ?? items.at(-1)?.sequence ?? this.#state.from, complete: next === undefined });
    return found;
  }

  /** Whether the room is another one than this browser knew: the server lost it, or somebody made it anew. */
  async isAnother(): Promise<boolean> {
    // In this order: meanwhile more may be stored there, and come here.
    const [known] = await this.#host.store.before(this.name, Number.POSITIVE_INFINITY, 1);
    const { items } = await this.#room.history({ limit: 1 });
    const [newest] = items;
    return newest !== undefined && known !== undefined && newest.sequence < known.sequence;
  }

  #remember(change: Partial<RoomState>): void {
    this.#state = { ...this.#state, ...change };
    void this.#host.store.putRoom(this.#state);
  }

  /** Ends its part in the room on this device. */
  async leaveRoom(): Promise<void> {
    await this.#room.leave();
    this.end();
  }

  /** It goes on elsewhere, or not at all. */
  end(): void {
    void this.#room.off(MESSAGE);
    this.people.end();
    this.ticks.end();
  }
}
