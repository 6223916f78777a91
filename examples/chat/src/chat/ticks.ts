import type { Room, RoomMessageCounts, RoomWatch } from "holdfast-client";
import type { Counts } from "./entry.js";

/** Messages of which it is known at a time. */
const COUNTS_MAX = 2_000;

/** How many of the others have what was written here: "delivered to 2 of 3". The server tells it as it changes. */
export class Ticks {
  readonly #room: Room;
  readonly #changed: () => void;
  readonly #counts = new Map<string, Counts>();
  /** From which sequence on they are told. */
  #from = Number.POSITIVE_INFINITY;
  #watch: Promise<RoomWatch> | undefined;

  constructor(room: Room, changed: () => void) {
    this.#room = room;
    this.#changed = changed;
  }

  /** Undefined as long as nothing is known. */
  of(id: string): Counts | undefined {
    return this.#counts.get(id);
  }

  /** Wants to know it of all messages from a sequence on, and of those that follow. */
  follow(from: number): void {
    if (from >= this.#from) return;
    this.end();
    this.#from = from;
    this.#watch = this.#room.watchReceipts((messages) => this.#onCounts(messages), { from });
    this.#watch.catch(() => this.end());
  }

  #onCounts(messages: readonly RoomMessageCounts[]): void {
    for (const { id, counts } of messages) {
      const { delivered, pending, failed } = counts;
      // This user is one of those who get it, and for a moment it may not be known that it has.
      this.#counts.set(id, { delivered: Math.max(0, delivered - 1), of: delivered + pending + failed - 1 });
    }
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size <= COUNTS_MAX) break;
      this.#counts.delete(oldest);
    }
    this.#changed();
  }

  end(): void {
    void this.#watch?.then((watch) => watch.stop()).catch(() => undefined);
    this.#watch = undefined;
    this.#from = Number.POSITIVE_INFINITY;
  }
}
