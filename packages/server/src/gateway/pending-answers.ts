/** Answers of one session that are waited for. The window of a room is 256 messages, and rooms of a user are not many. */
const ANSWERS_MAX = 65_536;

/** Deliveries of a message whose answers are waited for. In a room that blocks there may be more. */
const DELIVERIES_MAX = 5;

/** One id, as nearly always, or those of several deliveries, the latest last. */
type Ids = number | readonly number[];

const listOf = (ids: Ids): readonly number[] => (typeof ids === "number" ? [ids] : ids);

/** Acknowledgement ids of room messages that were sent and are not answered, by room and sequence. */
export class PendingAnswers {
  readonly #byRoom = new Map<number, Map<number, Ids>>();
  readonly #drop: (id: number) => void;
  #size = 0;

  /** @param drop called with the id of an answer that is waited for no more */
  constructor(drop: (id: number) => void) {
    this.#drop = drop;
  }

  /** The message was delivered under that id, and not under another one since. */
  isLatest(room: number, sequence: number, id: number): boolean {
    const ids = this.#byRoom.get(room)?.get(sequence);
    return ids !== undefined && listOf(ids).at(-1) === id;
  }

  /** The answers to earlier deliveries of the message are waited for, too. */
  add(room: number, sequence: number, id: number): void {
    let ids = this.#byRoom.get(room);
    if (ids === undefined) {
      ids = new Map();
      this.#byRoom.set(room, ids);
    }
    const before = ids.get(sequence);
    if (before === undefined) {
      this.#size++;
      ids.set(sequence, id);
    } else {
      const all = [...listOf(before), id];
      for (const old of all.splice(0, all.length - DELIVERIES_MAX)) this.#drop(old);
      ids.set(sequence, all);
    }
    if (this.#size > ANSWERS_MAX) this.#dropOldest();
  }

  /** The message is over: no answer to it means anything any more. */
  drop(room: number, sequence: number): void {
    const ids = this.#byRoom.get(room);
    const dropped = ids?.get(sequence);
    if (ids === undefined || dropped === undefined) return;
    ids.delete(sequence);
    this.#size--;
    if (ids.size === 0) this.#byRoom.delete(room);
    for (const id of listOf(dropped)) this.#drop(id);
  }

  /** Those messages are over, both ends included. */
  dropBetween(room: number, from: number, to: number): void {
    for (const sequence of this.#byRoom.get(room)?.keys() ?? []) if (sequence >= from && sequence <= to) this.drop(room, sequence);
  }

  clear(): void {
    for (const ids of this.#byRoom.values()) for (const each of ids.values()) for (const id of listOf(each)) this.#drop(id);
    this.#byRoom.clear();
    this.#size = 0;
  }

  /** Whoever lets so many pile up answers none; what is dropped comes again. */
  #dropOldest(): void {
    for (const [room, ids] of this.#byRoom) {
      for (const sequence of ids.keys()) {
        this.drop(room, sequence);
        return;
      }
    }
  }
}
