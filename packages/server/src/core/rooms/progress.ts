/** Messages from the cursor on that a device may have been sent: what it settles out of order is remembered in as many bits. */
export const WINDOW = 256;

const SLOT = WINDOW - 1;
/** Of a count of deliveries: the last one ended, and the message was not sent again yet. */
const ENDED = 0x80;
const COUNT = 0x7f;

/**
 * How far a device is in a room, in numbers alone: a thousand devices that are where the room is cost a few numbers each.
 *
 *     cursor             sent         sessionSent      cursor + WINDOW
 *       |  sent, not all   |  comes again   |  not sent yet    |
 *       |  settled         |                |                  |
 */
export class Progress {
  /** The lowest sequence that is not settled. */
  cursor: number;
  /** What is sent next. */
  sent: number;
  /** One past the highest that was ever sent, as far as is known, and that was sent in this session. */
  sentMax: number;
  sessionSent: number;
  /** A bit per sequence above the cursor that is settled. */
  #settled: Uint8Array | undefined;
  #settledCount = 0;
  /** Per sequence how many deliveries of it ended without an acknowledgement; undefined while none did. */
  #failures: Uint8Array | undefined;

  constructor(cursor: number, sentMax = cursor) {
    this.cursor = cursor;
    this.sent = cursor;
    this.sentMax = sentMax;
    this.sessionSent = cursor;
  }

  /** Something that was sent is not settled. */
  get isOpen(): boolean {
    return this.cursor < this.sent;
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
    if (this.cursor >= this.sessionSent) this.#failures = undefined;
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
    if (this.cursor >= this.sessionSent) this.#failures = undefined;
  }

  /** How often a message was sent without being acknowledged. */
  failures(sequence: number): number {
    return (this.#failures?.[sequence & SLOT] ?? 0) & COUNT;
  }

  /** Notes what an earlier life counted for the message at the cursor. */
  restoreFailures(count: number): void {
    if (count === 0) return;
    this.#failures = new Uint8Array(WINDOW);
    this.#failures[this.cursor & SLOT] = count | ENDED;
  }

  /** The delivery of a message that was sent is over without an acknowledgement; counted once. */
  fail(sequence: number): void {
    this.#failures ??= new Uint8Array(WINDOW);
    const slot = sequence & SLOT;
    const count = this.#failures[slot] ?? 0;
    if ((count & ENDED) === 0) this.#failures[slot] = ENDED | Math.min(COUNT, count + 1);
  }

  /** The same for all that was sent and is not settled. */
  failAll(): void {
    for (let sequence = this.cursor; sequence < this.sent; sequence++) if (!this.isSettled(sequence)) this.fail(sequence);
  }

  /** Sends again from the cursor. */
  rewind(): void {
    this.sent = this.cursor;
  }

  /** The messages from `sent` up to `to` are sent. */
  send(to: number): void {
    if (this.#failures !== undefined) {
      for (let sequence = this.sent; sequence < to; sequence++) {
        const slot = sequence & SLOT;
        this.#failures[slot] = (this.#failures[slot] ?? 0) & COUNT;
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
    this.sent = this.cursor;
    this.sessionSent = this.cursor;
  }
}
