import type { Consumer } from "./consumer.js";
import type { QueueAddress } from "./engine.js";
import type { Sharer } from "./turn-shares.js";

/** Messages a consumer takes before the next one's turn, when several could take some: few, until there is plenty. */
const QUANTUM_MIN = 32;
const QUANTUM_MAX = 1_024;
/** Lease calls under way for one queue. */
const CALLS_MAX = 8;

/** A consumer's place in the line of its queue. It has another one when it comes again. */
export class Seat {
  readonly line: Line;
  readonly consumer: Consumer;
  /** Called when its sink has room. */
  readonly wake: () => void;
  /** In the line of those to ask next, between these. */
  isReady = false;
  before: Seat | undefined;
  after: Seat | undefined;

  constructor(line: Line, consumer: Consumer, wake: () => void) {
    this.line = line;
    this.consumer = consumer;
    this.wake = wake;
  }
}

/** A queue and the consumers that could take from it. */
export class Line implements Sharer {
  readonly address: QueueAddress;
  readonly seats = new Set<Seat>();
  /** Whose turn found the queue empty, so it is still theirs. */
  first: Seat | undefined;
  /** Rises with each hint, so that one which comes during a lease call is not lost. */
  hints = 0;
  /** The value of `hints` with which the queue was last found empty. */
  emptyAt = -1;
  calls = 0;
  /** What it had of which turn of the event loop. */
  spent = 0;
  turn = 0;
  /** Grows while there is plenty: then larger shares cost less, and are no less fair. */
  quantum = QUANTUM_MIN;
  /** Calls allowed at a time: more while they come back full, so that many idle consumers do not ask for one message. */
  width = 1;
  /** What each of those ready is to have of the little that there is, and how many of them had no call yet. */
  #share = 0;
  #callsLeft = 0;
  #ready = 0;
  /** Those to ask for next, in turn: they had capacity when last looked at, and have no call under way. */
  #next: Seat | undefined;
  #last: Seat | undefined;

  constructor(address: QueueAddress) {
    this.address = address;
  }

  /** Whether a call may be made for it now. */
  get wantsCall(): boolean {
    return this.emptyAt !== this.hints && this.calls < (this.#callsLeft > 0 ? CALLS_MAX : this.width);
  }

  /** The queue may have something. */
  hint(): void {
    this.hints++;
    this.#callsLeft = 0;
  }

  /**
   * How many messages to ask for, for a consumer that was taken from among those ready: as many as for each of them, so that a few
   * messages do not all go to one consumer while others are idle.
   *
   * @param waiting how many messages there are at most; 0: none, and no call is to be made
   */
  shareOf(waiting: number): number {
    if (waiting === Number.POSITIVE_INFINITY) return this.quantum;
    if (this.#callsLeft === 0) {
      this.#callsLeft = this.#ready + 1;
      this.#share = Math.ceil(waiting / this.#callsLeft);
    }
    this.#callsLeft--;
    return Math.min(waiting, this.#share, this.quantum);
  }

  /** The next in turn. */
  get next(): Seat | undefined {
    return this.#next;
  }

  /** Puts it at the end of those ready, unless it is among them. */
  enter(seat: Seat): void {
    if (seat.isReady) return;
    seat.isReady = true;
    this.#ready++;
    seat.before = this.#last;
    if (this.#last === undefined) this.#next = seat;
    else this.#last.after = seat;
    this.#last = seat;
  }

  leave(seat: Seat): void {
    if (!seat.isReady) return;
    this.#ready--;
    const { before, after } = seat;
    if (before === undefined) this.#next = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    seat.isReady = false;
    seat.before = undefined;
    seat.after = undefined;
  }

  /** There is nothing for the consumer whose turn it was; it is still its turn. */
  foundEmpty(seat: Seat): void {
    this.emptyAt = this.hints;
    this.first = seat;
    this.enter(seat);
  }

  /** A call for `count` messages that began at the hint `hints` brought so many. */
  note(seat: Seat, count: number, taken: number, hints: number): void {
    // Where fewer came than were asked for, a hint tells of more.
    if (taken < count && this.hints === hints) this.emptyAt = hints;
    if (taken === 0) this.first = seat;
    const plenty = taken === count || taken >= QUANTUM_MIN;
    this.width = plenty ? Math.min(this.width * 2, CALLS_MAX) : 1;
    this.quantum = plenty ? Math.min(this.quantum * 2, QUANTUM_MAX) : QUANTUM_MIN;
  }
}
