import { RecordView } from "holdfast-client/protocol";
import type { RoomGap, RoomItem, RoomTarget } from "../../room-engine.js";
import type { Harness } from "./harness.js";
import { type Fate, fatesOf, type Publishable, pack } from "./messages.js";

const NAMESPACE = "/";
const BYTES_MAX = 1024 * 1024;

/** A message of a room as a device got it. */
export interface Heard {
  readonly room: number;
  readonly target: RoomTarget;
  readonly sequence: number;
  readonly id: string;
  readonly body: unknown;
  readonly publishedAt: number;
  readonly redelivered: boolean;
}

/** A device of a user with a session: pulls what is for it, and settles. */
export class Phone {
  readonly #h: Harness;
  readonly session: number;
  /** Every message and gap it got, in order. */
  readonly heard: Heard[] = [];
  readonly gaps: RoomGap[] = [];
  #bytesMax = BYTES_MAX;

  private constructor(h: Harness, session: number) {
    this.#h = h;
    this.session = session;
  }

  static async attach(h: Harness, user: string, device = "default"): Promise<Phone> {
    return new Phone(h, await h.engine.attachDevice({ namespace: NAMESPACE, user, device }));
  }

  /** From now on takes about so many bytes per pull. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  /** Pulls until it comes back empty. Returns what came. */
  pull(): Heard[] {
    const { length } = this.heard;
    for (let items = this.#pullOnce(); items.length > 0; items = this.#pullOnce()) for (const item of items) this.#take(item);
    return this.heard.slice(length);
  }

  #pullOnce(): readonly RoomItem[] {
    return this.#h.engine.pull(this.session, this.#bytesMax);
  }

  #take(item: RoomItem): void {
    if (item.kind === "gap") {
      this.gaps.push(item);
      return;
    }
    const { block, from, to, redelivered } = item;
    const { room, first, bytes, offsets, publishedAt } = block;
    for (let index = from; index < to; index++) {
      const record = new RecordView(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);
      const { id } = record;
      this.heard.push({
        room: room.number,
        target: room.target,
        sequence: first + index,
        id,
        body: record.body(),
        publishedAt,
        redelivered,
      });
    }
  }

  /** Waits for so many messages more, and returns them. */
  async take(count: number): Promise<Heard[]> {
    const taken: Heard[] = [];
    await this.#h.until(`${count} messages of a room`, () => {
      taken.push(...this.pull());
      return taken.length >= count;
    });
    if (taken.length > count) throw new Error(`${taken.length} messages came, expected ${count}`);
    return taken;
  }

  async takeOne(): Promise<Heard> {
    const [message] = await this.take(1);
    if (message === undefined) throw new Error("no message");
    return message;
  }

  /** Waits for so many gaps in all. */
  async gapsUntil(count: number): Promise<readonly RoomGap[]> {
    await this.#h.until(`${count} gaps`, () => {
      this.pull();
      return this.gaps.length >= count;
    });
    return this.gaps;
  }

  /** What comes once the engine did all it had to do. */
  async rest(): Promise<Heard[]> {
    await this.#h.quiet();
    const rest = this.pull();
    await this.#h.quiet();
    return [...rest, ...this.pull()];
  }

  ack(...messages: Heard[]): number {
    return this.#settle(messages, "ack");
  }

  nack(messages: Heard[], delayMs?: number): number {
    return this.#settle(messages, "nack", delayMs);
  }

  #settle(messages: Heard[], verb: "ack" | "nack", delayMs?: number): number {
    let changed = 0;
    for (const { room, sequence } of messages) {
      changed += this.#h.engine.settleRoom(this.session, room, [{ first: sequence, count: 1, verb, delayMs }]);
    }
    return changed;
  }

  ackGap({ room, from, to }: RoomGap): void {
    this.#h.engine.settleGap(this.session, room.number, from, to);
  }

  join(room: string, from: "new" | "earliest" | number = "new"): Promise<number> {
    return this.#h.engine.join(this.session, room, from);
  }

  detach(): Promise<void> {
    return this.#h.engine.detachDevice(this.session);
  }
}

/** A room's name, or a user. */
export type To = string | { readonly user: string };

const targetOf = (to: To): RoomTarget => (typeof to === "string" ? { room: to } : to);

/** What rooms of the namespace `/` are asked. */
export class RoomsOf {
  readonly #h: Harness;

  constructor(h: Harness) {
    this.#h = h;
  }

  address(room: string): { readonly namespace: string; readonly room: string } {
    return { namespace: NAMESPACE, room };
  }

  /** Emits to one room. */
  async emit(to: To, ...drafts: Publishable[]): Promise<Fate[]> {
    const [fates] = await this.emitTo([to], [], ...drafts);
    return fates ?? [];
  }

  /** Emits to several, all or none; the fates of each. */
  async emitTo(to: readonly To[], except: readonly To[], ...drafts: Publishable[]): Promise<Fate[][]> {
    const runs = await this.#h.engine.emit({ namespace: NAMESPACE, to: to.map(targetOf), except: except.map(targetOf), ...pack(drafts) });
    return runs.map(fatesOf);
  }

  add(room: string, ...users: string[]): Promise<number[]> {
    return Promise.all(users.map((user) => this.#h.engine.addMember(this.address(room), { user })));
  }

  remove(room: string, user: string): Promise<void> {
    return this.#h.engine.removeMember(this.address(room), { user });
  }

  feed(room: string, queue: string): Promise<number> {
    return this.#h.engine.addMember(this.address(room), { queue });
  }

  /** Who got a message: the state of each user. */
  async ledger(to: To, sequence: number): Promise<Record<string, "delivered" | "pending" | "failed">> {
    const states: Record<string, "delivered" | "pending" | "failed"> = {};
    const { delivered, pending, failed } = await this.#h.engine.ledger(NAMESPACE, targetOf(to), { sequence }, 0, 1_000);
    for (const user of delivered) states[user] = "delivered";
    for (const user of pending) states[user] = "pending";
    for (const user of failed) states[user] = "failed";
    return states;
  }
}

export const bodiesOf = (messages: readonly Heard[]): unknown[] => messages.map(({ body }) => body);
export const sequencesOf = (messages: readonly Heard[]): number[] => messages.map(({ sequence }) => sequence);
