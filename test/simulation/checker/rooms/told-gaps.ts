import type { GapTold } from "../../room-history.js";

/** A gap that a device was told, as long as it holds. */
export interface ToldGap {
  readonly told: GapTold;
  /** The session that was told last. */
  session: string;
  /** The device took note of it. */
  noted: boolean;
}

/** What one device was told that it will never get in one room. */
export class ToldGaps {
  /** Those that hold: a crash may undo what was told just before. */
  #holding: ToldGap[] = [];
  /** All that were ever told. */
  readonly #ever: GapTold[] = [];

  add(told: GapTold): void {
    this.#ever.push(told);
    for (const gap of this.#holding) if (gap.told.to >= told.from && gap.told.from <= told.to) gap.session = told.session;
    this.#holding.push({ told, session: told.session, noted: false });
  }

  note(from: number, to: number): void {
    for (const gap of this.#holding) if (gap.told.from >= from && gap.told.to <= to) gap.noted = true;
  }

  /** A life ended: what was told after this time may be undone. */
  undo(through: number, from: number): void {
    this.#holding = this.#holding.filter(({ told }) => told.index < from || told.at <= through);
  }

  clear(): void {
    this.#holding = [];
  }

  /** The gap that holds and has the sequence. */
  holding(sequence: number): GapTold | undefined {
    return this.#holding.find(({ told }) => sequence >= told.from && sequence <= told.to)?.told;
  }

  /** Whether the device never gets the sequence: it is in a gap that holds, or was removed before one, as retention removes the oldest. */
  passes(sequence: number): boolean {
    return this.#holding.some(({ told: { from, to, reason } }) => sequence <= to && (sequence >= from || reason === "retention"));
  }

  /** Whether the sequence was ever told to be in a gap. */
  ever(sequence: number): boolean {
    return this.#ever.some(({ from, to }) => sequence >= from && sequence <= to);
  }

  /** Those that nobody took note of and that this session was not told. */
  untold(session: string): readonly ToldGap[] {
    return this.#holding.filter((gap) => !gap.noted && gap.session !== session);
  }

  get open(): readonly ToldGap[] {
    return this.#holding.filter(({ noted }) => !noted);
  }
}
