import type { Connection } from "../connection.js";

/** Who is told what became of a message. */
export interface Answers {
  ack(sequence: number): void;
  nack(sequence: number, how: { readonly delayMs?: number | undefined; readonly reason?: string | undefined }): void;
}

/** A settlement as it travels: an ack, or with a delay or null (the server knows how long) a nack. */
type Settlement = [room: number, first: number, count: number, delayMs?: number | null];

/** So many wait at most: half of what the server sends of a room before it waits. */
const WAITING_MAX = 128;
/** So long after some were told the next ones wait, and up to as long again so that clients do not all tell at once. */
const PAUSE_MS = 100;

/**
 * What became of the messages that came in frames of one connection. It is told together: the first at once, so that whoever
 * leaves right after has told it, then a few times a second; and at the end of the turn when the server might soon wait for it.
 */
export class Settling {
  readonly #connection: Connection;
  readonly #settlements: Settlement[] = [];
  #waiting = 0;
  /** Something was told a moment ago, or is at the end of this turn. */
  #resting = false;
  /** Nothing is to wait any more. */
  #hurries = false;
  /** Something was told and is perhaps not at the server yet. */
  #told = false;
  /** Requests whose answer says that it is. */
  #asked = 0;
  /** Its connection is gone, and all that came on it comes again. */
  #over = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Nothing waits to be told; and of a client that is closing the server has all that was told. */
  get idle(): boolean {
    return this.#waiting === 0 && this.#asked === 0;
  }

  /** For messages of the room with that number. */
  answersOf(room: number): Answers {
    return {
      ack: (sequence) => this.#ack(room, sequence),
      nack: (sequence, { delayMs }) => this.#add([room, sequence, 1, delayMs ?? null]),
    };
  }

  #ack(room: number, sequence: number): void {
    const last = this.#settlements.at(-1);
    if (last === undefined || last.length > 3 || last[0] !== room || last[1] + last[2] !== sequence) {
      this.#add([room, sequence, 1]);
    } else {
      last[2]++;
      this.#counted();
    }
  }

  #add(settlement: Settlement): void {
    if (this.#over) return;
    this.#settlements.push(settlement);
    this.#counted();
  }

  #counted(): void {
    if (++this.#waiting === WAITING_MAX || this.#hurries) queueMicrotask(() => this.tell());
    if (this.#resting) return;
    this.#resting = true;
    this.#connection.after(0, () => this.#tellAndRest());
  }

  /** What comes while it rests is told when that is over. */
  #tellAndRest(): void {
    this.tell();
    this.#connection.after(PAUSE_MS * (1 + Math.random()), () => {
      if (this.#waiting > 0) this.#tellAndRest();
      else this.#resting = false;
    });
  }

  /** Tells what waits, now or when the server took the hello. */
  tell(): void {
    if (this.#over || !this.#connection.ready) return;
    if (this.#waiting > 0) {
      this.#waiting = 0;
      this.#connection.send(this.#settlements.splice(0));
      this.#told = true;
    }
    if (this.#hurries && this.#told) this.#ask();
  }

  /** Settlements have no reply, but what is asked after them is answered after them. It says nothing of the device, which may be another's by now. */
  #ask(): void {
    this.#told = false;
    this.#asked++;
    this.#connection.request("holdfast:hello", { frames: 1 }, () => {
      this.#asked--;
    });
  }

  /** The client is closing. */
  hurry(): void {
    this.#hurries = true;
    this.tell();
  }

  /** The connection is lost. */
  end(): void {
    this.#over = true;
    this.#waiting = this.#asked = 0;
    this.#settlements.length = 0;
  }
}
