import type { HistoryEvent } from "./history.js";
import { type HistoryEntry, HistoryLog } from "./history-log.js";
import type { Emit, GapReason, GapTold, Heard, RoomSettings, Target } from "./room-history.js";

export const KITCHEN: Target = { room: "kitchen" };
export const BAR: Target = { room: "bar" };
/** Connections of Ann's phone, one after the other. */
export const PHONE = "ann phone 1";
export const AGAIN = "ann phone 2";

const KEEPS_ALL: RoomSettings = { maxAgeMs: 0, maxMessages: 0, maxBytes: 0, poison: "dead-letter" };

/**
 * Tells a history of rooms step by step, for tests of the checker: what is not said is as usual. It starts with the rooms
 * `kitchen` and `bar` and life 1.
 */
export class RoomStory {
  readonly #log = new HistoryLog();
  #at = 1_000;
  #life = 1;
  #call = 0;
  #commit = 0;
  readonly #next = new Map<string, number>();
  readonly #messages = new Map<
    string,
    { readonly id: string; readonly sequence: number; readonly at: number; readonly emit: Partial<Emit> }[]
  >();

  constructor(options: Partial<RoomSettings> = {}) {
    for (const room of ["kitchen", "bar"]) this.add({ type: "define-room", room, options: { ...KEEPS_ALL, ...options } });
    this.add({ type: "restart", life: 1 });
  }

  get events(): readonly HistoryEvent[] {
    return this.#log.events;
  }

  add(entry: HistoryEntry): HistoryEvent {
    return this.#log.add(this.#at, entry);
  }

  wait(ms: number): this {
    this.#at += ms;
    return this;
  }

  /** All that was settled so far survives a crash. */
  durable(): this {
    this.wait(1_000);
    this.add({ type: "commit-begun", commit: ++this.#commit });
    this.add({ type: "synced", commit: this.#commit });
    return this;
  }

  crash(): this {
    this.add({ type: "crash" });
    this.add({ type: "restart", life: ++this.#life });
    return this;
  }

  // --- members and devices ---------------------------------------------------------------------------------------

  member(type: "member-add" | "member-remove", user: string, room = "kitchen"): void {
    const call = ++this.#call;
    this.add({ type, call, room, member: { user } });
    this.add({ type: "member-done", call, outcome: "ok" });
  }

  removeRoom(room = "kitchen"): void {
    const call = ++this.#call;
    this.add({ type: "room-remove", call, room });
    this.add({ type: "room-remove-done", call, outcome: "ok" });
  }

  feed(queue: string, room = "kitchen"): void {
    const call = ++this.#call;
    this.add({ type: "member-add", call, room, member: { queue } });
    this.add({ type: "member-done", call, outcome: "ok" });
  }

  /** A device comes; the session has the name of user and device, and a number. `remote`: its client writes the history down. */
  come(session: string, remote?: "remote"): void {
    const call = ++this.#call;
    const [user = "", device = ""] = session.split(" ");
    this.add({ type: "session", call, session, user, device, ...(remote && { remote: true }) });
    this.add({ type: "session-done", call, outcome: "ok" });
  }

  go(session: string, reason: "left" | "replaced" = "left"): void {
    this.add({ type: "session-ended", session, reason });
  }

  join(session: string, from: "new" | "earliest" | number, sequence: number, room = "kitchen"): void {
    const call = ++this.#call;
    this.add({ type: "join", call, session, room, from });
    this.add({ type: "join-done", call, outcome: "ok", sequence });
  }

  // --- messages --------------------------------------------------------------------------------------------------

  /** Emits with success; each target gives its next sequence. */
  emit(id: string, fields: Partial<Emit> = {}): void {
    const call = ++this.#call;
    const to = fields.to ?? [KITCHEN];
    this.add({ type: "emit", call, to, except: [], id, body: `body of ${id}`, ...fields });
    const receipts = to.map((target) => ({ sequence: this.store(id, target, fields), duplicate: false }));
    this.add({ type: "emit-done", call, outcome: "ok", receipts });
  }

  /** A target has the message from here on. */
  store(id: string, target: Target, emit: Partial<Emit> = {}): number {
    const name = JSON.stringify(target);
    const sequence = this.#next.get(name) ?? 1;
    this.#next.set(name, sequence + 1);
    this.#messages.set(name, [...(this.#messages.get(name) ?? []), { id, sequence, at: this.#at, emit }]);
    return sequence;
  }

  hear(session: string, sequence: number, fields: Partial<Heard> = {}): void {
    const target = fields.target ?? KITCHEN;
    const message = this.#messages.get(JSON.stringify(target))?.find((one) => one.sequence === sequence);
    const { id = "nobody's", at = 0 } = message ?? {};
    const usual = { target, sequence, id, body: `body of ${id}`, publishedAt: at, redelivered: false };
    this.add({ type: "heard", session, ...usual, ...fields });
  }

  ack(session: string, first: number, count = 1, target = KITCHEN, changed = count): void {
    this.add({ type: "settle-heard", session, target, first, count, verb: "ack", changed });
  }

  /** The client acknowledged it, and nobody knows whether that arrived. */
  tryToAck(session: string, sequence: number): void {
    this.add({ type: "settle-heard", session, target: KITCHEN, first: sequence, count: 1, verb: "ack" });
  }

  nack(session: string, sequence: number, delayMs = 0): void {
    this.add({ type: "settle-heard", session, target: KITCHEN, first: sequence, count: 1, verb: "nack", delayMs, changed: 1 });
  }

  gap(session: string, from: number, to: number, reason: GapReason, fields: Partial<GapTold> = {}): void {
    this.add({ type: "gap", session, target: KITCHEN, from, to, reason, ...fields });
  }

  settleGap(session: string, from: number, to: number): void {
    this.add({ type: "settle-gap", session, target: KITCHEN, from, to });
  }

  // --- the end ---------------------------------------------------------------------------------------------------

  /** Devices took all they could; the rooms have what is left after `head`, and these members. */
  end(head = 1, members: readonly string[] = ["ann", "bob"]): this {
    this.add({ type: "rooms-drained" });
    for (const target of [KITCHEN, BAR]) this.scan(target, target === KITCHEN ? head : 1, target === KITCHEN ? members : []);
    return this;
  }

  scan(target: Target, head: number, members: readonly string[] = []): void {
    const name = JSON.stringify(target);
    const next = this.#next.get(name) ?? 1;
    const messages = (this.#messages.get(name) ?? [])
      .filter(({ sequence }) => sequence >= head)
      .map(({ id, sequence }) => ({ id, sequence }));
    const listed = members.map((user) => ({ member: { user }, since: 1 }));
    this.add({ type: "room-scan", target, head, next, messages, published: next - 1, expired: head - 1, members: listed });
  }

  ledger(sequence: number, lists: Partial<Record<"delivered" | "pending" | "failed", readonly string[]>>): this {
    this.add({ type: "ledger", target: KITCHEN, sequence, delivered: [], pending: [], failed: [], ...lists });
    return this;
  }
}

/** Ann and Bob are members of the kitchen, and Ann's phone is there. */
export function begin(options: Partial<RoomSettings> = {}): RoomStory {
  const story = new RoomStory(options);
  story.member("member-add", "ann");
  story.member("member-add", "bob");
  story.come(PHONE);
  return story;
}

/** Ann is a member of the kitchen, and her phone is there. */
export function beginAlone(options: Partial<RoomSettings> = {}): RoomStory {
  const story = new RoomStory(options);
  story.member("member-add", "ann");
  story.come(PHONE);
  return story;
}

/** Ann is a member of the kitchen, and her phone is there, which writes down itself what happens to it. */
export function beginRemotely(): RoomStory {
  const story = new RoomStory();
  story.member("member-add", "ann");
  story.come(PHONE, "remote");
  return story;
}

/** Ann's phone gets messages up to `last` while it joins, and settles those from `first` on; then the join is over. */
export function settleInJoin(story: RoomStory, first: number, last: number): void {
  story.add({ type: "join", call: 1_000, session: PHONE, room: "kitchen", from: 1 });
  for (let sequence = 1; sequence <= last; sequence++) story.hear(PHONE, sequence);
  story.ack(PHONE, first, last - first + 1);
  story.add({ type: "join-done", call: 1_000, outcome: "ok", sequence: first === 1 ? last + 1 : 1 });
}

/** The same with messages 1 to 3, but a crash comes before the answer; what was settled survives it. */
export function settleInUnansweredJoin(story: RoomStory): void {
  story.add({ type: "join", call: 1_000, session: PHONE, room: "kitchen", from: 1 });
  for (let sequence = 1; sequence <= 3; sequence++) story.hear(PHONE, sequence);
  story.ack(PHONE, 1, 3);
  story.durable().crash();
  story.come(AGAIN);
}

/** Then messages 1 to `count` are emitted, and Ann's phone has them. */
export function heard(story: RoomStory, count: number): RoomStory {
  for (let sequence = 1; sequence <= count; sequence++) {
    story.emit(`m${sequence}`);
    story.hear(PHONE, sequence);
  }
  return story;
}
