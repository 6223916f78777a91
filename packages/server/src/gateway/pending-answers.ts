/** Answers of one session that are waited for. The window of a room is 256 messages, and rooms of a user are not many. */
const ANSWERS_MAX = 65_536;

/** Acknowledgement ids of room messages that were sent and are not answered, by room and sequence. */
export class PendingAnswers {
  readonly #byRoom = new Map<number, Map<number, number>>();
  readonly #drop: (id: number) => void;
  #size = 0;

  /** @param drop called with the id of an answer that is waited for no more */
  constructor(drop: (id: number) => void) {
    this.#drop = drop;
  }

  get(room: number, sequence: number): number | undefined {
    return this.#byRoom.get(room)?.get(sequence);
  }

  /** An answer that is waited for under another id by now may still come, but means nothing. */
  add(room: number, sequence: number, id: number): void {
    let ids = this.#byRoom.get(room);
    if (ids === undefined) {
      ids = new Map();
      this.#byRoom.set(room, ids);
    }
    const before = ids.get(sequence);
    if (before === undefined) this.#size++;
    else if (before !== id) this.#drop(before);
    ids.set(sequence, id);
    if (this.#size > ANSWERS_MAX) this.#dropOldest();
  }

  /** The answer came; false when it is not waited for. */
  take(room: number, sequence: number): boolean {
    const ids = this.#byRoom.get(room);
    if (ids?.delete(sequence) !== true) return false;
    this.#size--;
    if (ids.size === 0) this.#byRoom.delete(room);
    return true;
  }

  /** Those messages are over, both ends included. */
  dropBetween(room: number, from: number, to: number): void {
    for (const [sequence, id] of this.#byRoom.get(room) ?? []) if (sequence >= from && sequence <= to) this.#dropOne(room, sequence, id);
  }

  clear(): void {
    for (const ids of this.#byRoom.values()) for (const id of ids.values()) this.#drop(id);
    this.#byRoom.clear();
    this.#size = 0;
  }

  /** Whoever lets so many pile up answers none; what is dropped comes again. */
  #dropOldest(): void {
    for (const [room, ids] of this.#byRoom) {
      for (const [sequence, id] of ids) {
        this.#dropOne(room, sequence, id);
        return;
      }
    }
  }

  #dropOne(room: number, sequence: number, id: number): void {
    if (this.take(room, sequence)) this.#drop(id);
  }
}
