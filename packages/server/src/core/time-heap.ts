import { Heap } from "./heap.js";

/** Something that is to be looked at, at a time. */
export class Wake<What> {
  readonly at: number;
  readonly what: What;
  /** An earlier one took its place, or it is not wanted any more. */
  isVoid = false;

  constructor(at: number, what: What) {
    this.at = at;
    this.what = what;
  }
}

/** Whether a time comes before that of a wake that is there already, if any. */
export const isNearer = (at: number, wake: Wake<unknown> | undefined): boolean => at < (wake?.at ?? Number.POSITIVE_INFINITY);

/** So many void ones are kept, however few others there are: to look for them costs a walk over all. */
const VOID_MAX = 1_000;

/**
 * Times at which something is to be looked at, the nearest first. One that an earlier one replaces stays in its place, void, until its time
 * comes or there are as many of those as of others: so what is given a nearer time again and again leaves nothing behind.
 */
export class TimeHeap<What> {
  readonly #heap = new Heap<Wake<What>>((a, b) => a.at < b.at);
  #void = 0;

  /** How many there are, void ones too. */
  get size(): number {
    return this.#heap.size;
  }

  /** When the next one is. */
  get next(): number | undefined {
    return this.#first?.at;
  }

  get #first(): Wake<What> | undefined {
    let first = this.#heap.peek();
    while (first?.isVoid === true) {
      this.#heap.pop();
      this.#void--;
      first = this.#heap.peek();
    }
    return first;
  }

  /** @param before what it replaces */
  add(at: number, what: What, before?: Wake<What>): Wake<What> {
    if (before !== undefined) this.cancel(before);
    const wake = new Wake(at, what);
    this.#heap.push(wake);
    return wake;
  }

  /** It is not wanted any more; one that was taken is gone already. */
  cancel(wake: Wake<What>): void {
    wake.isVoid = true;
    if (++this.#void > VOID_MAX && this.#void > this.#heap.size / 2) this.retain(() => true);
  }

  /** Takes the next one that is over. */
  take(now: number): What | undefined {
    const first = this.#first;
    if (first === undefined || first.at > now) return undefined;
    this.#heap.pop();
    return first.what;
  }

  /** Keeps only those for which `keep` holds, and that are not void. */
  retain(keep: (what: What) => boolean): void {
    this.#heap.retain(({ isVoid, what }) => !isVoid && keep(what));
    this.#void = 0;
  }
}
