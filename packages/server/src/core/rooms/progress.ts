/** Messages from the cursor on that a device may have been sent: what it settles out of order is remembered in as many bits. */
export const WINDOW = 256;

const SLOT = WINDOW - 1;
/** Of a count of deliveries: the last one ended, and the message was not sent again yet. */
const ENDED = 0x80;
/** It was sent again since the lease began that runs. */
const YOUNG = 0x40;
const COUNT = 0x3f;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * How far a device is in a room, in numbers alone: a thousand devices that are where the room is cost a few numbers each.
 *
 *     cursor                          sessionSent      cursor + WINDOW
 *       |  settled, in hand, or ended     |  not sent yet    |
 *
 * What was sent in this session is settled, **in hand** (the device has it, and its lease runs), or **ended**: nacked, not
 * answered in time, or to come along with one that was nacked; to be sent again when it is due. `sent` is where sending is: it goes back to the cursor for what ended, and
 * moves over the rest.
 */
export class Progress {
  /** The lowest sequence that is not settled. */
  cursor: number;
  /** Where sending is: what is sent next is there or behind it. */
  sent: number;
  /** One past the highest that was ever sent, as far as is known, and that was sent in this session. */
  sentMax: number;
  sessionSent: number;
  /** A bit per sequence above the cursor that is settled. */
  #settled: Uint8Array | undefined;
  #settledCount = 0;
  /** Per sequence how many deliveries of it ended without an acknowledgement; undefined while none did. */
  #failures: Uint8Array | undefined;
  /** When what was nacked is due, by sequence, where that is not at once. */
  #due: Map<number, number> | undefined;
  /** The lease that runs is that of what was sent before this sequence, but for what is young. */
  #leasedTo = 0;

  constructor(cursor: number, sentMax = cursor) {
    this.cursor = cursor;
    this.sent = cursor;
    this.sentMax = sentMax;
    this.sessionSent = cursor;
  }

  /** The lowest sequence in hand; Infinity when the device has nothing. */
  get front(): number {
    if (this.isRegular) return this.cursor < this.sessionSent ? this.cursor : NEVER;
    for (let sequence = this.cursor; sequence < this.sessionSent; sequence++) if (this.isInHand(sequence)) return sequence;
    return NEVER;
  }

  isInHand(sequence: number): boolean {
    if (sequence >= this.sessionSent || this.isSettled(sequence)) return false;
    return ((this.#failures?.[sequence & SLOT] ?? 0) & ENDED) === 0;
  }

  /** It was sent in this session, and is to be sent again now, unless its delivery ended `failuresMax` times. */
  isDue(sequence: number, failuresMax: number, now: number): boolean {
    if (this.#failures === undefined || sequence >= this.sessionSent || this.isSettled(sequence)) return false;
    const count = this.#failures[sequence & SLOT] ?? 0;
    return (count & ENDED) !== 0 && (count & COUNT) < failuresMax && (this.#due?.get(sequence) ?? 0) <= now;
  }

  /** One past the last sequence that may be sent now. */
  get limit(): number {
    return this.cursor + WINDOW;
  }

  isSettled(sequence: number): boolean {
    if (sequence < this.cursor) return true;
    if (this.#settledCount === 0 || sequence >= this.limit) return false;
    const slot = sequence & SLOT;
    return ((this.#settled?.[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }

  /** Nothing has to be looked at one by one: the messages from `sent` on are to be sent as they come. */
  get isRegular(): boolean {
    return this.#settledCount === 0 && this.#failures === undefined;
  }

  /** The device settled messages; returns how many of them were open. */
  acknowledge(first: number, count: number): number {
    const from = Math.max(first, this.cursor);
    const to = Math.min(first + count, this.sessionSent);
    if (from >= to) return 0;
    if (from === this.cursor && this.isRegular) {
      this.cursor = to;
      if (this.sent < to) this.sent = to;
      return to - from;
    }
    let changed = 0;
    for (let sequence = from; sequence < to; sequence++) {
      if (this.isSettled(sequence)) continue;
      this.settle(sequence);
      changed++;
    }
    return changed;
  }

  /** Settles one message that is not, between the cursor and the limit. */
  settle(sequence: number): void {
    this.#due?.delete(sequence);
    if (sequence !== this.cursor) {
      this.#settled ??= new Uint8Array(WINDOW / 8);
      const slot = sequence & SLOT;
      this.#settled[slot >> 3] = (this.#settled[slot >> 3] ?? 0) | (1 << (slot & 7));
      this.#settledCount++;
      return;
    }
    this.#pass();
    while (this.#settledCount > 0 && this.isSettled(this.cursor)) {
      const slot = this.cursor & SLOT;
      if (this.#settled !== undefined) this.#settled[slot >> 3] = (this.#settled[slot >> 3] ?? 0) & ~(1 << (slot & 7));
      this.#settledCount--;
      this.#pass();
    }
    if (this.sent < this.cursor) this.sent = this.cursor;
    this.#forgetFailures();
  }

  /** Nothing that failed is above the cursor. */
  #forgetFailures(): void {
    if (this.cursor < this.sentMax) return;
    this.#failures = undefined;
    this.#due = undefined;
  }

  #pass(): void {
    if (this.#failures !== undefined) this.#failures[this.cursor & SLOT] = 0;
    this.cursor++;
  }

  /** Goes on from `sequence`, whatever was before it. */
  jump(sequence: number): void {
    while (this.cursor < sequence && (this.#settledCount > 0 || this.#failures !== undefined)) {
      // Settling the lowest one moves over those that are settled above it, too.
      this.settle(this.cursor);
    }
    this.cursor = Math.max(this.cursor, sequence);
    this.sent = Math.max(this.sent, this.cursor);
    this.#forgetFailures();
  }

  /** How often a message was sent without being acknowledged. */
  failures(sequence: number): number {
    return (this.#failures?.[sequence & SLOT] ?? 0) & COUNT;
  }

  /** Notes what an earlier life counted for the message at the cursor. */
  restoreFailures(count: number): void {
    if (count === 0) return;
    this.#failures = new Uint8Array(WINDOW);
    this.#failures[this.cursor & SLOT] = Math.min(COUNT, count) | ENDED;
  }

  /** The delivery of a message in hand is over without an acknowledgement. */
  fail(sequence: number): void {
    this.#failures ??= new Uint8Array(WINDOW);
    const slot = sequence & SLOT;
    this.#failures[slot] = ENDED | Math.min(COUNT, ((this.#failures[slot] ?? 0) & COUNT) + 1);
  }

  /** The same for all in hand. */
  failAll(): void {
    for (let sequence = this.cursor; sequence < this.sessionSent; sequence++) if (this.isInHand(sequence)) this.fail(sequence);
  }

  /** What failed is not due before that time. */
  postpone(sequence: number, until: number): void {
    this.#due ??= new Map();
    this.#due.set(sequence, until);
  }

  /** It is to be sent again, and nobody said when. */
  isRecalled(sequence: number): boolean {
    return sequence < this.sessionSent && !this.isSettled(sequence) && !this.isInHand(sequence) && this.#due?.has(sequence) !== true;
  }

  /** When the next is due of what was postponed; Infinity when nothing is. */
  dueAfter(now: number): number {
    let next = NEVER;
    for (const at of this.#due?.values() ?? []) if (at > now && at < next) next = at;
    return next;
  }

  /** A lease begins: that of all in hand. */
  lease(): void {
    this.#leasedTo = this.sessionSent;
    if (this.#failures === undefined) return;
    for (let slot = 0; slot < WINDOW; slot++) this.#failures[slot] = (this.#failures[slot] ?? 0) & ~YOUNG;
  }

  /** The lease is over: goes back to the cursor, for what it was of fails. What was sent since it began stays in hand. */
  expire(): void {
    this.rewind();
    const end = Math.min(this.sessionSent, this.#leasedTo);
    for (let sequence = this.cursor; sequence < end; sequence++) {
      const isYoung = ((this.#failures?.[sequence & SLOT] ?? 0) & YOUNG) !== 0;
      if (!isYoung && this.isInHand(sequence)) this.fail(sequence);
    }
  }

  /**
   * Goes back to the cursor. Where something is due all that is in hand comes again with it, in order: each for as long as it was
   * delivered fewer than `deliveriesMax` times, so that none fails for the sake of another.
   */
  recall(deliveriesMax: number, failuresMax: number, now: number): void {
    this.rewind();
    let first = this.cursor;
    while (first < this.sessionSent && !this.isDue(first, failuresMax, now)) first++;
    if (first === this.sessionSent) return;
    for (let sequence = this.cursor; sequence < this.sessionSent; sequence++) {
      if (this.isInHand(sequence) && this.failures(sequence) + 1 < deliveriesMax) this.fail(sequence);
    }
  }

  /** Looks again for what is due, from the cursor on. */
  rewind(): void {
    this.sent = this.cursor;
  }

  /** Moves on to the next message that is to be sent: of those that were in this session only what is due. */
  seek(failuresMax: number, now: number): void {
    while (this.sent < this.sessionSent && !this.isDue(this.sent, failuresMax, now)) this.sent++;
  }

  /** The messages from `sent` up to `to` are sent. */
  send(to: number): void {
    if (this.#failures !== undefined) {
      for (let sequence = this.sent; sequence < to; sequence++) {
        const slot = sequence & SLOT;
        this.#failures[slot] = ((this.#failures[slot] ?? 0) & COUNT) | YOUNG;
        this.#due?.delete(sequence);
      }
    }
    this.sent = to;
    if (this.sessionSent < to) this.sessionSent = to;
    if (this.sentMax < to) this.sentMax = to;
  }

  /** A session begins or ends: acknowledgements above the cursor are forgotten. */
  beginSession(): void {
    this.#settled = undefined;
    this.#settledCount = 0;
    this.#due = undefined;
    this.sent = this.cursor;
    this.sessionSent = this.cursor;
  }
}
