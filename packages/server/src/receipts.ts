import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "./clock.js";
import { senderOf } from "./emit.js";
import { Pulse } from "./pulse.js";
import { type CountedReceipt, ReceiptRoom, type ReceiptWatch } from "./receipt-watch.js";
import type { RoomTarget } from "./room-engine.js";
import type { RoomCounts, RoomWatching } from "./room-watching.js";
import { takeAll } from "./take-all.js";

/** Counts are told at most 4 times a second. */
const TELL_MS = 250;
/** What may be looked at in that time; who asks for more is told less often, so that counting never takes the time of the rest. */
const COST_MAX = 125_000;
const ROOMS_MAX = 100;
const FOUND_MAX = 1_000;

const keyOf = (namespace: string, { room, user }: RoomTarget): string => JSON.stringify([namespace, room ?? null, user ?? null]);

/**
 * What becomes of messages, told to those who emitted them. Nothing is kept per recipient: when something was stored or
 * settled in a room, the messages of all who watch it are counted together, from where its devices are.
 */
export class Receipts {
  readonly #engine: RoomWatching;
  readonly #rooms = new Map<string, ReceiptRoom>();
  readonly #dirty = new Set<ReceiptRoom>();
  /** Those with something to tell. */
  readonly #changed = new Set<ReceiptWatch>();
  readonly #pulse: Pulse;
  readonly #wake = (): void => this.#pulse.want();

  constructor(engine: RoomWatching, clock: Clock) {
    this.#engine = engine;
    this.#pulse = new Pulse(clock, TELL_MS, () => this.#beat());
  }

  /**
   * From now on tells what becomes of the messages that the watcher emits to the room, and of those from the sequence
   * `from` on: of the newest 1,000 that are found among the newest 10,000 of the room. Resolves to these as they are now.
   *
   * `NOT_FOUND`: no such room. `TOO_LARGE`: it watches 100 rooms.
   */
  async watch(
    watch: ReceiptWatch,
    namespace: string,
    target: RoomTarget,
    from: number | undefined,
  ): Promise<{ readonly from: number; readonly items: readonly CountedReceipt[] }> {
    const room = this.#enter(watch, namespace, target);
    const to = room.lookedTo;
    if (from === undefined) return { from: to, items: [] };
    const { user } = watch.watcher;
    const { found, looked } = await this.#engine.search(namespace, target, { from, to }, FOUND_MAX, (record) => senderOf(record) === user);
    const messages = [...found].reverse();
    const { counts } = this.#engine.counts(namespace, target, messages);
    const items: CountedReceipt[] = [];
    for (const [index, message] of messages.entries()) {
      const now = counts[index];
      if (now === undefined) continue;
      items.push({ id: message.id, sequence: message.sequence, counts: now });
      if (now.pending > 0 && watch.rooms.has(room)) watch.add(room, message, now);
    }
    return { from: looked.from, items };
  }

  #enter(watch: ReceiptWatch, namespace: string, target: RoomTarget): ReceiptRoom {
    const key = keyOf(namespace, target);
    const known = this.#rooms.get(key);
    if (watch.rooms.size >= ROOMS_MAX && (known === undefined || !watch.rooms.has(known))) {
      throw new HoldfastError("TOO_LARGE", `receipts of ${watch.rooms.size} rooms are watched, at most ${ROOMS_MAX} are allowed`);
    }
    this.#engine.watch(namespace, target, "receipts");
    const room = known ?? new ReceiptRoom(namespace, target, this.#engine.endOf(namespace, target));
    this.#rooms.set(key, room);
    room.watches.add(watch);
    watch.rooms.add(room);
    return room;
  }

  unwatch(watch: ReceiptWatch, namespace: string, target: RoomTarget): void {
    const room = this.#rooms.get(keyOf(namespace, target));
    if (room !== undefined) this.#leave(watch, room);
  }

  /** The watcher is gone. */
  close(watch: ReceiptWatch): void {
    for (const room of [...watch.rooms]) this.#leave(watch, room);
    this.#changed.delete(watch);
  }

  #leave(watch: ReceiptWatch, room: ReceiptRoom): void {
    watch.leave(room);
    if (room.watches.size > 0) return;
    this.#rooms.delete(keyOf(room.namespace, room.target));
    this.#dirty.delete(room);
    this.#engine.unwatch(room.namespace, room.target, "receipts");
  }

  onNews(namespace: string, target: RoomTarget): void {
    const room = this.#rooms.get(keyOf(namespace, target));
    if (room === undefined) return;
    this.#dirty.add(room);
    this.#pulse.want();
  }

  /** The room is gone. */
  onRemoved(namespace: string, target: RoomTarget): void {
    const room = this.#rooms.get(keyOf(namespace, target));
    if (room === undefined) return;
    for (const watch of [...room.watches]) {
      this.#leave(watch, room);
      watch.watcher.askAgain(target);
    }
  }

  /** The engine serves in a new life, which knows of no watch. */
  onNewLife(): void {
    for (const { namespace, target } of [...this.#rooms.values()]) this.onRemoved(namespace, target);
  }

  stop(): void {
    this.#pulse.stop();
  }

  async #beat(): Promise<number> {
    let cost = 0;
    for (const room of takeAll(this.#dirty)) {
      try {
        cost += await this.#count(room);
      } catch {
        // The engine stopped, or the room is gone: then all who watch it are told to ask again.
      }
    }
    for (const watch of this.#changed) this.#tell(watch);
    return Math.max(1, Math.ceil(cost / COST_MAX));
  }

  #tell(watch: ReceiptWatch): void {
    if (!watch.watcher.hasRoom()) {
      watch.watcher.whenRoom(this.#wake);
      return;
    }
    this.#changed.delete(watch);
    const updates = watch.take();
    if (updates.length > 0) watch.watcher.tell(updates);
  }

  async #count(room: ReceiptRoom): Promise<number> {
    const looked = await this.#look(room);
    const open = [...room.open.values()].sort((a, b) => a.message.sequence - b.message.sequence);
    if (open.length === 0) return looked;
    const messages = open.map(({ message }) => message);
    const { counts, cost } = this.#engine.counts(room.namespace, room.target, messages);
    for (const [index, message] of open.entries()) {
      const now = counts[index];
      if (now === undefined || isSame(message.counts, now)) continue;
      message.counts = now;
      for (const watch of message.watches) {
        watch.changed(message);
        this.#changed.add(watch);
      }
    }
    return looked + cost;
  }

  /** Takes up what those who watch emitted since it was last looked; returns how much was looked at. */
  async #look(room: ReceiptRoom): Promise<number> {
    const { namespace, target, lookedTo: from } = room;
    const to = this.#engine.endOf(namespace, target);
    if (to <= from) return 0;
    // Who begins to watch from now on looks there himself.
    room.lookedTo = to;
    const bySender = bySenderOf(room);
    const senders = new Map<number, string>();
    const { found } = await this.#engine.search(namespace, target, { from, to }, Number.POSITIVE_INFINITY, (record, sequence) => {
      const sender = senderOf(record);
      if (sender === undefined || !bySender.has(sender)) return false;
      senders.set(sequence, sender);
      return true;
    });
    for (const message of [...found].reverse()) {
      const watches = bySender.get(senders.get(message.sequence) ?? "") ?? [];
      for (const watch of watches) if (watch.rooms.has(room)) watch.add(room, message);
    }
    return to - from;
  }
}

function bySenderOf({ watches }: ReceiptRoom): ReadonlyMap<string, readonly ReceiptWatch[]> {
  const bySender = new Map<string, ReceiptWatch[]>();
  for (const watch of watches) {
    const { user } = watch.watcher;
    const others = bySender.get(user);
    if (others === undefined) bySender.set(user, [watch]);
    else others.push(watch);
  }
  return bySender;
}

const isSame = (before: RoomCounts | undefined, now: RoomCounts): boolean =>
  before !== undefined && before.delivered === now.delivered && before.pending === now.pending && before.failed === now.failed;
