import { connect, type Holdfast, type RestoredMessage, type Room } from "holdfast-client";
import { Conversation } from "./conversation.js";
import { bodyOf } from "./entry.js";
import type { Identity } from "./identity.js";
import { Observable } from "./observable.js";
import { type RoomState, Store } from "./store.js";

/** `elsewhere`: another tab of this browser is this device now. */
export type Connection = "connecting" | "online" | "offline" | "elsewhere";

const ASK_MS = 10_000;
/** How often this page says that somebody types. */
const TYPING_MS = 2_000;
const REFRESH_MS = 10_000;
const END_MS = 2_000;
const LIST_MAX = 1_000;

/** Everything that the page shows. */
export class Chat extends Observable {
  readonly user: string;
  connection: Connection = "connecting";
  /** Names of the rooms that this user is not in. */
  others: readonly string[] = [];
  opened: Conversation | undefined;
  /** Why what is written here is lost with the page, where it is. */
  readonly warning: string | undefined;
  readonly #conversations = new Map<string, Conversation>();
  readonly #store: Store;
  readonly #holdfast: Holdfast;
  #typedAt = 0;

  private constructor({ user, device }: Identity, store: Store, rooms: readonly RoomState[]) {
    super();
    this.user = user;
    this.#store = store;
    const isSecure = isSecureContext;
    this.warning = isSecure ? undefined : "This address is not secure (https), so what waits to be sent is lost when you close the page.";
    this.#holdfast = connect(location.origin, {
      auth: { user, device },
      // What was written offline survives a reload, and the end of the browser.
      outbox: isSecure ? "indexeddb" : "memory",
      outboxName: user,
      onRestored: (messages) => this.#restore(messages),
      reconnectionDelay: 300,
      reconnectionDelayMax: 2_000,
    });
    // In this very turn: what was missed comes right after the connect, and has to find its handlers.
    for (const state of rooms) this.#add(this.#holdfast.room(state.name), state);
    this.#listen();
  }

  static async start(identity: Identity): Promise<Chat> {
    const store = await Store.open(identity.user);
    return new Chat(identity, store, await store.rooms());
  }

  get conversations(): readonly Conversation[] {
    return [...this.#conversations.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  #listen(): void {
    const { socket } = this.#holdfast;
    socket.on("connect", () => {
      this.#connected("online");
      if (this.opened !== undefined) socket.emit("chat:open", this.opened.name);
      void this.#refresh(true);
    });
    socket.on("disconnect", (reason) => {
      if (this.connection !== "elsewhere") this.#connected("offline");
      // Socket.IO does not come back by itself when it was the server that ended the connection, as one does that stops.
      if (reason === "io server disconnect" && this.connection !== "elsewhere") socket.connect();
    });
    socket.on("connect_error", () => this.#connected("offline"));
    socket.on("holdfast:replaced", () => {
      this.#connected("elsewhere");
      // Each connection would take the place back, and the two tabs would do so for ever.
      socket.disconnect();
    });
    socket.on("chat:typing", ({ room, user }: { readonly room: string; readonly user: string }) => {
      if (user !== this.user) this.#conversations.get(room)?.typists.typed(user);
    });
    document.addEventListener("visibilitychange", () => {
      if (this.opened !== undefined && this.isSeen(this.opened)) this.opened.see();
    });
    // Nobody tells of rooms that others make.
    setInterval(() => {
      if (this.connection === "online" && document.visibilityState === "visible") void this.#refresh(false);
    }, REFRESH_MS);
  }

  /** What earlier pages wrote and did not get rid of: it is being sent again, and is shown as waiting until it is stored. */
  #restore(messages: readonly RestoredMessage[]): void {
    for (const { room, id, body, receipt } of messages) {
      if (room === undefined) continue;
      const [content] = body as readonly unknown[];
      void this.#conversations.get(room)?.awaitReceipt({ id, ...bodyOf(content) }, receipt);
    }
  }

  #connected(connection: Connection): void {
    this.connection = connection;
    this.changed();
  }

  /** Takes the chat over from the tab that took it from this one: what that one got is in the store, and is read anew. */
  takeOver(): void {
    location.reload();
  }

  // --- rooms -----------------------------------------------------------------------------------------------------

  /** What the server knows goes: rooms joined on other devices appear here, rooms left there go. */
  async #refresh(isNewConnection: boolean): Promise<void> {
    const known = this.conversations.filter(({ hasBegun }) => hasBegun);
    try {
      const [mine, all] = await Promise.all([this.#list("memberships"), this.#list("rooms")]);
      await Promise.all(
        known.map(async (conversation) => {
          const isGone = !mine.includes(conversation.name) || (isNewConnection && (await conversation.isAnother()));
          if (isGone) await this.#drop(conversation);
        }),
      );
      void this.opened?.people.refresh();
      for (const name of mine) if (!this.#conversations.has(name)) await this.join(name);
      this.others = all.filter((name) => !this.#conversations.has(name));
      this.changed();
    } catch {
      // The connection is lost again; the next one brings it.
    }
  }

  /** A plain event of the protocol: any Socket.IO client can ask for it. */
  async #list(kind: "memberships" | "rooms"): Promise<string[]> {
    const reply = await this.#holdfast.socket.timeout(ASK_MS).emitWithAck("holdfast:list", { kind, limit: LIST_MAX });
    return (reply as { readonly items?: string[] }).items ?? [];
  }

  /** Joins a room, which is made if there is none. */
  async join(name: string): Promise<Conversation> {
    const known = this.#conversations.get(name);
    if (known !== undefined) return known;
    const room = this.#holdfast.room(name);
    const conversation = this.#add(room, undefined);
    try {
      conversation.begin(await room.join());
    } catch (error) {
      this.#conversations.delete(name);
      conversation.end();
      throw error;
    }
    this.others = this.others.filter((other) => other !== name);
    this.changed();
    return conversation;
  }

  #add(room: Room, state: RoomState | undefined): Conversation {
    const conversation = new Conversation(room, state, {
      user: this.user,
      store: this.#store,
      isSeen: (each) => this.isSeen(each),
    });
    this.#conversations.set(room.name, conversation);
    conversation.observe(() => this.changed());
    void conversation.glance();
    return conversation;
  }

  async leave(conversation: Conversation): Promise<void> {
    await conversation.leaveRoom();
    await this.#drop(conversation);
    this.others = [...this.others, conversation.name].sort();
    this.changed();
  }

  async #drop(conversation: Conversation): Promise<void> {
    conversation.end();
    this.#conversations.delete(conversation.name);
    if (this.opened === conversation) this.closeRoom();
    await this.#store.removeRoom(conversation.name);
  }

  // --- what is looked at -----------------------------------------------------------------------------------------

  /** Opens a room of this user; undefined when there is none of that name. */
  open(name: string): Conversation | undefined {
    const conversation = this.#conversations.get(name);
    if (conversation === this.opened) return conversation;
    this.closeRoom();
    // One that is being joined has no past for this user yet.
    if (conversation?.hasBegun !== true) return undefined;
    this.opened = conversation;
    // Each new connection says it again.
    if (this.connection === "online") this.#holdfast.socket.emit("chat:open", name);
    void conversation.open();
    this.changed();
    return conversation;
  }

  closeRoom(): void {
    if (this.opened === undefined) return;
    this.opened.leave();
    this.opened = undefined;
    this.changed();
  }

  isSeen(conversation: Conversation): boolean {
    return this.opened === conversation && document.visibilityState === "visible";
  }

  /** Somebody types in the open room: said by a volatile event, at most once, since nobody needs it later. */
  typing(): void {
    const now = performance.now();
    if (now - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now;
    this.#holdfast.socket.volatile.emit("chat:typing");
  }

  /** Ends, once what was written is stored, or after a moment: then the next page goes on with it. */
  end(): Promise<void> {
    return this.#holdfast.close({ timeoutMs: END_MS });
  }
}
