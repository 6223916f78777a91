import type { QueueRates } from "../engine.js";

/** Rates are of the last one to two spans. */
const SPAN_MS = 5_000;
/** So that the first messages after a quiet time are no flood. */
const LEAST_MS = 1_000;

interface Counted {
  readonly published: number;
  readonly acked: number;
}

/** What was counted before what came at a time. */
interface Sample extends Counted {
  readonly at: number;
  readonly delivered: number;
}

/** How many messages a second come into a queue, are handed out and are acknowledged. Of this life alone. */
export class Rates {
  #published = 0;
  #acked = 0;
  #delivered = 0;
  /** When the span began, and the one before it. */
  #span: Sample | undefined;
  #before: Sample | undefined;

  /** A life begins with the counts of the one before. */
  begin({ published, acked }: Counted): void {
    this.#published = published;
    this.#acked = acked;
  }

  /** The counts became these at this time. */
  note(now: number, { published, acked }: Counted): void {
    this.#roll(now);
    this.#published = published;
    this.#acked = acked;
  }

  /** So many are handed out at this time. */
  deliver(now: number, count: number): void {
    this.#roll(now);
    this.#delivered += count;
  }

  #roll(now: number): void {
    if (this.#span !== undefined && now - this.#span.at < SPAN_MS) return;
    this.#before = this.#span;
    this.#span = { at: now, published: this.#published, acked: this.#acked, delivered: this.#delivered };
  }

  at(now: number, { published, acked }: Counted): QueueRates {
    const isRecent = this.#before !== undefined && now - this.#before.at <= 2 * SPAN_MS;
    const base = isRecent ? this.#before : this.#span;
    if (base === undefined || now - base.at > 2 * SPAN_MS) return { published: 0, delivered: 0, acked: 0 };
    const seconds = Math.max(LEAST_MS, now - base.at) / 1_000;
    const rate = (count: number): number => Math.round((count * 10) / seconds) / 10;
    return {
      published: rate(published - base.published),
      delivered: rate(this.#delivered - base.delivered),
      acked: rate(acked - base.acked),
    };
  }
}
