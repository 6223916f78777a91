import type { RoomSettings } from "../../room-history.js";

const WEEK_MS = 604_800_000;

/** What a room's options allow at most, over all that it had during the run. A room that was never defined has the defaults. */
export class LoosestRoomSettings {
  readonly #defined: RoomSettings[] = [];

  add(options: RoomSettings): void {
    this.#defined.push(options);
  }

  /** The shortest age that retention ever removed by; Infinity: none. */
  get ageMsMin(): number {
    return this.#least(({ maxAgeMs }) => maxAgeMs, WEEK_MS);
  }

  /** The fewest messages that were ever kept. */
  get messagesMin(): number {
    return this.#least(({ maxMessages }) => maxMessages, 0);
  }

  get bytesMin(): number {
    return this.#least(({ maxBytes }) => maxBytes, 0);
  }

  /** Whether messages may have gone before their time of a week. */
  get mayRemove(): boolean {
    return this.ageMsMin < WEEK_MS || this.messagesMin !== Number.POSITIVE_INFINITY || this.bytesMin !== Number.POSITIVE_INFINITY;
  }

  /** Whether a message that fails again and again was always to hold its device. */
  get alwaysBlocks(): boolean {
    return this.#defined.length > 0 && this.#defined.every(({ poison }) => poison === "block");
  }

  /** Whether it never was. */
  get neverBlocks(): boolean {
    return this.#defined.every(({ poison }) => poison === "dead-letter");
  }

  /** What it surely has: what it was told in the beginning, and never anything else. */
  get only(): RoomSettings | undefined {
    return this.#defined.length === 1 ? this.#defined[0] : undefined;
  }

  #least(limit: (options: RoomSettings) => number, undefinedLimit: number): number {
    const limits = this.#defined.length === 0 ? [undefinedLimit] : this.#defined.map(limit);
    return Math.min(...limits.map((value) => (value === 0 ? Number.POSITIVE_INFINITY : value)));
  }
}
