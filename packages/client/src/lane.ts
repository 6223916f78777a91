import { ByteWriter } from "./bytes.js";
import type { Connection } from "./connection.js";
import type { HoldfastError } from "./errors.js";
import { Fifo } from "./fifo.js";
import { eachFate, type Fate } from "./frame.js";
import * as LIMITS from "./limits.js";
import type { Pending } from "./message.js";
import { TRAIT_CHOSEN_ID, writePacked } from "./record.js";

/** What a lane needs of its outbox. */
export interface LaneHost {
  readonly connection: Connection;
  readonly producer: string;
  /** Nothing may be sent now; lanes are woken when that is over. */
  readonly held: boolean;
  /** The message is done: its place in the outbox is free. */
  finish(entry: Pending): void;
}

/** So many messages of one turn do not wait for its end: the server works on them while the rest is packed here. */
const SENT_EARLY = LIMITS.producerOpenMax / 2;

/** Records of the section being written; shared because a section is written in one go. */
const records = new ByteWriter(65_536);

/**
 * The messages of one queue, or of one room, on their way, in the order they were published.
 *
 * A message waits without a number until it is first sent; then it is open, under that number, until its fate is known.
 * `#cursor` is the next number to send: below the end of the open ones while they are sent again. When a message is
 * refused for now, the lane halts: what was sent after it is refused too (`PRODUCER_GAP`), so once every section is
 * answered, and after a pause, all of it goes again from the oldest open number.
 */
export class Lane {
  /** Its name, or that of a room behind `ROOM_MARK`. */
  readonly queue: string;
  readonly #host: LaneHost;
  readonly #open = new Fifo<Pending>();
  readonly #waiting = new Fifo<Pending>();
  #oldest = 1;
  #cursor = 1;
  /** Numbers below it were sent before without a definite answer: a refusal says nothing of what became of them then. */
  #doubtfulBelow = 1;
  #unanswered = 0;
  #halted = false;
  #attempt = 0;
  /** The size of what the last frame had no room for, as far as it was written. */
  #excess = 0;

  constructor(queue: string, host: LaneHost) {
    this.queue = queue;
    this.#host = host;
  }

  add(entry: Pending): void {
    this.#waiting.push(entry);
    this.#host.connection.flushSoon(this);
    if (this.#waiting.length % SENT_EARLY === 0) this.#host.connection.flush();
  }

  /** Takes a message that is kept: it has its number before it is sent. */
  open(entry: Pending): void {
    entry.number = this.#next;
    this.#open.push(entry);
    this.#host.connection.flushSoon(this);
  }

  /** Begins where an earlier page was: the numbers from `oldest` to before `next` are opened next, and may have been sent. */
  resume(oldest: number, next: number): void {
    this.#oldest = this.#cursor = oldest;
    this.#doubtfulBelow = next;
  }

  /** Takes out what has no number. */
  take(): Pending[] {
    return this.#waiting.clear();
  }

  /** Takes out a message that was never sent, with the rest of its array. */
  remove(entry: Pending): Pending[] {
    this.#host.connection.flushSoon(this);
    return this.#waiting.remove(entry, entry.array || 1);
  }

  /** The connection was lost: nobody knows what became of what was sent. */
  resend(): void {
    this.#doubtfulBelow = Math.max(this.#doubtfulBelow, this.#cursor);
    this.#rewind();
  }

  /** Everything open is to be sent again, oldest first, before anything new. */
  #rewind(): void {
    this.#halted = false;
    this.#unanswered = 0;
    this.#cursor = this.#oldest;
    this.#host.connection.flushSoon(this);
  }

  /** Fails everything. What was sent has a fate of its own: nobody waits for it any more, but it stays in order. */
  abandon({ code, message }: HoldfastError): void {
    for (const entry of this.take()) {
      this.#host.finish(entry);
      entry.fail(code, message);
    }
    for (let index = 0; index < this.#open.length; index++) {
      const entry = this.#open.at(index);
      entry?.onDone?.();
      entry?.fail(code, message);
    }
  }

  /** Sends what the window of open numbers has room for. */
  write(): void {
    while (!this.#halted && !this.#host.held) {
      while (this.#at(0)?.done) this.#cursor++;
      const first = this.#at(0);
      if (!first) return;
      if (first.onTurn) {
        if (this.#open.length === 0) first.onTurn(this.queue);
        return;
      }
      const room = LIMITS.producerOpenMax - (this.#cursor - this.#oldest);
      if (room < (first.array || 1)) return;
      const count = this.#writeRecords(first, room);
      if (count > 0) this.#send(count, first.array > 0);
      else if (!this.#host.connection.sendFrame()) this.#refuse(first);
    }
  }

  get #next(): number {
    return this.#oldest + this.#open.length;
  }

  /** The message `ahead` places behind the next one to send. */
  #at(ahead: number): Pending | undefined {
    const opened = this.#next - this.#cursor;
    return ahead < opened ? this.#open.at(this.#cursor - this.#oldest + ahead) : this.#waiting.at(ahead - opened);
  }

  /** Writes the records of one section; returns how many, 0 when the frame has no room for it. */
  #writeRecords(first: Pending, room: number): number {
    const { connection, producer } = this.#host;
    const countMax = first.array || room;
    const bytesMax = connection.room - SECTION_BYTES;
    records.rewind(0);
    let count = 0;
    for (; count < countMax; count++) {
      const entry = count === 0 ? first : this.#at(count);
      // In the middle of single messages one that is done, or stands for several, ends the section.
      if (!entry || (first.array === 0 && (entry.done || entry.array > 0))) break;
      if ((entry.traits & TRAIT_CHOSEN_ID) === 0) entry.id = `${producer}-${(this.#cursor + count).toString(36)}`;
      const before = records.length;
      const bytes = writePacked(records, entry.id, entry.traits, entry.texts, entry.body, entry.timing);
      if (bytes > connection.recordBytesMax || records.length > bytesMax) {
        this.#excess = records.length;
        records.rewind(before);
        break;
      }
    }
    return count < first.array ? 0 : count;
  }

  #send(count: number, atomic: boolean): void {
    const { connection, producer } = this.#host;
    const firstNumber = this.#cursor;
    const request = connection.expect((fates) => this.#onReceipts(firstNumber, count, fates));
    connection.frame.publish({
      request,
      atomic,
      queue: this.queue,
      producer,
      firstNumber,
      oldestOpen: this.#oldest,
      count,
      records: records.view(),
    });
    this.#unanswered++;
    for (this.#cursor += count; this.#next < this.#cursor; ) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      entry.number = this.#next;
      this.#open.push(entry);
    }
  }

  /** Gives up a message, or an array of them, that no frame of this server has room for. */
  #refuse(first: Pending): void {
    const count = first.array || 1;
    for (let index = count - 1; index >= 0; index--) this.#host.finish(this.#at(index) ?? first);
    if (first.number === 0) this.#waiting.remove(first, count);
    const { recordBytesMax, room } = this.#host.connection;
    // A message that is kept has a number before it is sent.
    if (first.number >= this.#doubtfulBelow) first.number = 0;
    first.fail("TOO_LARGE", `${this.#excess} bytes, expected up to ${recordBytesMax}, ${room} in all`);
    this.#advance();
  }

  #onReceipts(firstNumber: number, count: number, fates: readonly Fate[]): void {
    this.#unanswered--;
    const known = eachFate(fates, count, (index, { error, sequence = 0, duplicate = false }, offset) => {
      const number = firstNumber + index;
      const entry = this.#open.at(number - this.#oldest);
      if (!entry || entry.done) return;
      if (error?.retryable) {
        this.#halted = true;
        if (error.code === "UNKNOWN") this.#doubtfulBelow = this.#next;
        return;
      }
      this.#host.finish(entry);
      if (!error) {
        this.#attempt = 0;
        entry.resolve({ id: entry.id, sequence: sequence + offset, duplicate });
      } else {
        const doubtful = number < this.#doubtfulBelow && error.code !== "ID_CONFLICT";
        entry.reject(doubtful ? entry.failure(error.code, error.message) : error);
      }
    });
    if (known < count) this.#halted = true;
    this.#advance();
  }

  /** Moves past what is done, and on to what comes next. */
  #advance(): void {
    while (this.#open.at(0)?.done) {
      this.#open.shift();
      this.#oldest++;
    }
    this.#cursor = Math.max(this.#cursor, this.#oldest);
    if (!this.#halted) this.#host.connection.flushSoon(this);
    else if (this.#unanswered === 0) {
      this.#host.connection.pause(this.#attempt++, () => {
        // After a reconnect all of it was sent again already, and may be unanswered.
        if (this.#unanswered === 0) this.#rewind();
      });
    }
  }
}

/** Of a publish section with the longest names, without the records. */
const SECTION_BYTES = 256;
