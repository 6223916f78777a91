import { type ErrorCode, type ErrorReply, HoldfastError, LIMITS } from "holdfast-client/protocol";
import { errorReply } from "../error-reply.js";

/** Consecutive numbers of a producer with consecutive sequences, or refused for good with one error. */
interface NumberRun {
  readonly first: number;
  count: number;
  /** Sequence of the first; 0 when refused. */
  readonly sequence: number;
  /** Only the code is kept, so that a producer stays small. */
  readonly refused: ErrorCode | undefined;
}

/** What became of a number. */
export type Fate = { readonly sequence: number; readonly error?: ErrorReply | undefined };

/** After this long without a publish a producer is forgotten: DESIGN.md, "Resends". */
export const PRODUCER_IDLE_MS = 30 * 86_400_000;

/**
 * One producer on one queue: recognises what it sends again, and stores its numbers without a hole, so that a resend
 * after a lost connection neither repeats nor reorders. Constant memory: at most 1,024 open numbers, kept as runs.
 */
export class Producer {
  readonly id: string;
  /** The next number that was not seen. */
  next: number;
  usedAt: number;
  /** It is to be written with the commit that is being filled. */
  isDirty = false;
  #runs: NumberRun[];

  constructor(id: string, next = 1, usedAt = 0, runs: NumberRun[] = []) {
    this.id = id;
    this.next = next;
    this.usedAt = usedAt;
    this.#runs = runs;
  }

  /** Checks that `count` numbers from `first` may come now; throws otherwise. */
  check(first: number, count: number, oldestOpen: number): void {
    if (oldestOpen > first || first < 1) {
      throw new HoldfastError("BAD_REQUEST", `producer number ${first} is below its oldest open number ${oldestOpen}`);
    }
    if (first + count - oldestOpen > LIMITS.producerOpenMax) {
      throw new HoldfastError(
        "BAD_REQUEST",
        `${first + count - oldestOpen} producer numbers are open, expected at most ${LIMITS.producerOpenMax}`,
      );
    }
    if (first > Math.max(this.next, oldestOpen)) {
      throw new HoldfastError(
        "PRODUCER_GAP",
        `producer number is ${first}, expected ${Math.max(this.next, oldestOpen)}: send again from ${oldestOpen}`,
      );
    }
  }

  /** The numbers come: forgets the receipts below `oldestOpen`. */
  begin(oldestOpen: number, now: number): void {
    this.usedAt = now;
    this.next = Math.max(this.next, oldestOpen);
    const runs = this.#runs;
    let over = 0;
    for (let run = runs[0]; run !== undefined && run.first + run.count <= oldestOpen; run = runs[++over]);
    if (over > 0) this.#runs = over === runs.length ? [] : runs.slice(over);
  }

  /** What became of a number seen before; undefined when it is new. */
  fateOf(number: number): Fate | undefined {
    if (number >= this.next) return undefined;
    for (const run of this.#runs) {
      if (number >= run.first && number < run.first + run.count) {
        if (run.refused === undefined) return { sequence: run.sequence + number - run.first };
        return { sequence: 0, error: errorReply(new HoldfastError(run.refused, `producer number ${number} was refused before`, false)) };
      }
    }
    const error = new HoldfastError("BAD_REQUEST", `producer number ${number} was confirmed before and is not open any more`);
    return { sequence: 0, error: errorReply(error) };
  }

  /** Notes the fate of the next `count` numbers. */
  note(count: number, sequence: number, error?: ErrorReply): void {
    const runs = this.#runs;
    const last = runs[runs.length - 1];
    const adjoins = last !== undefined && last.first + last.count === this.next;
    if (adjoins && last.refused === error?.code && (error !== undefined || last.sequence + last.count === sequence)) last.count += count;
    else {
      const run = { first: this.next, count, sequence, refused: error?.code };
      // The first one in an array made for it: what an empty one grows to has room for many.
      if (last === undefined) this.#runs = [run];
      else runs.push(run);
    }
    this.next += count;
  }

  /** As JSON, put together by hand: most commits write some, and there may be many. */
  pack(): Buffer {
    let runs = "";
    for (const { first, count, sequence, refused } of this.#runs) {
      const code = refused === undefined ? "" : `,"refused":${JSON.stringify(refused)}`;
      runs += `${runs === "" ? "" : ","}{"first":${first},"count":${count},"sequence":${sequence}${code}}`;
    }
    return Buffer.from(`{"v":1,"next":${this.next},"usedAt":${this.usedAt},"runs":[${runs}]}`, "latin1");
  }

  static unpack(id: string, value: Uint8Array): Producer {
    const { next, usedAt, runs } = JSON.parse(Buffer.from(value).toString("utf8")) as { next: number; usedAt: number; runs: NumberRun[] };
    return new Producer(id, next, usedAt, runs);
  }
}
