import type { HistoryEvent } from "../history.js";
import { lowerBound, upperBound } from "./bounds.js";

/** A process that fails to start is there for so long at most. */
const UNSEEN_MS = 60_000;

/** Finds events by time and by what was durable. */
export class Timeline {
  readonly #indexes: number[] = [];
  /** Where each life starts in the lists, and the time before the first one. */
  readonly #starts: number[] = [0];
  readonly #ats: number[] = [];
  readonly #begun: number[] = [];
  /** The first sync among the commits from here on. */
  readonly #syncedFrom: number[] = [];
  /** What a process that never came to serve may have seen, between a jump and the next one. */
  readonly #unseen: { readonly index: number; readonly at: number }[] = [];
  /** Whether the server's clock ever went back, which only a new life may show. */
  readonly wentBack: boolean;
  readonly lastIndex: number;
  /** The latest time of the run. */
  readonly lastAt: number;

  constructor(events: readonly HistoryEvent[]) {
    const synced = new Map<number, number>();
    const begun: { index: number; commit: number }[] = [];
    let latest = Number.NEGATIVE_INFINITY;
    let last = -1;
    let wentBack = false;
    let jumpedMs = 0;
    for (const event of events) {
      if (event.index <= last) throw new Error(`event ${event.index} comes after event ${last}`);
      last = event.index;
      if (event.type === "restart") jumpedMs = 0;
      if (event.type === "clock-jump") {
        jumpedMs += event.byMs;
        this.#unseen.push({ index: event.index, at: event.at + jumpedMs + UNSEEN_MS });
        if (event.byMs < 0) wentBack = true;
      }
      if (event.at < latest) wentBack = true;
      latest = Math.max(latest, event.at);
      this.#indexes.push(event.index);
      this.#ats.push(event.at);
      if (event.type === "restart") this.#starts.push(this.#indexes.length - 1);
      if (event.type === "synced") synced.set(event.commit, event.index);
      if (event.type === "commit-begun") begun.push(event);
    }
    this.wentBack = wentBack;
    this.lastIndex = last;
    this.lastAt = latest;
    let first = Number.POSITIVE_INFINITY;
    for (const { index, commit } of begun.reverse()) {
      first = Math.min(first, synced.get(commit) ?? Number.POSITIVE_INFINITY);
      this.#begun.push(index);
      this.#syncedFrom.push(first);
    }
    this.#begun.reverse();
    this.#syncedFrom.reverse();
  }

  /** The first index from `after` on at which the clock showed the time; Infinity when it never did. */
  indexAt(at: number, after: number): number {
    const unseen = this.#unseen.find((one) => one.index >= after && one.at >= at)?.index ?? Number.POSITIVE_INFINITY;
    return Math.min(unseen, this.#shownAt(at, after));
  }

  #shownAt(at: number, after: number): number {
    const position = lowerBound(this.#indexes, after);
    for (let life = upperBound(this.#starts, position) - 1; life < this.#starts.length; life++) {
      // The clock rises within a life only.
      const from = Math.max(position, this.#starts[life] ?? 0);
      const to = this.#starts[life + 1] ?? this.#indexes.length;
      const found = lowerBound(this.#ats, at, from, to);
      if (found < to) return this.#indexes[found] ?? Number.POSITIVE_INFINITY;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The least and the most that the clock may have shown between two indexes, both included: between lives it may go back. */
  shown(from: number, to: number): { readonly min: number; readonly max: number } {
    const [first, end] = [lowerBound(this.#indexes, from), upperBound(this.#indexes, to)];
    let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let life = upperBound(this.#starts, first) - 1; life < this.#starts.length; life++) {
      const begin = Math.max(first, this.#starts[life] ?? 0);
      if (begin >= end) break;
      min = Math.min(min, this.#ats[begin] ?? min);
      max = Math.max(max, this.#ats[Math.min(end, this.#starts[life + 1] ?? end) - 1] ?? max);
    }
    return { min, max };
  }

  /** From when on a message that was stored between two indexes may have expired; Infinity when it never may. */
  expiresFrom(ttlMs: number | undefined, from: number, to: number): number {
    return ttlMs === undefined ? Number.POSITIVE_INFINITY : this.indexAt(this.shown(from, to).min + ttlMs, from);
  }

  /** The life in which all is between two indexes, both included, and the last time of it; undefined when there are several. */
  lifeOf(from: number, to: number): { readonly life: number; readonly until: number } | undefined {
    const [first, end] = [lowerBound(this.#indexes, from), upperBound(this.#indexes, to)];
    const life = upperBound(this.#starts, first) - 1;
    const next = this.#starts[life + 1] ?? this.#indexes.length;
    return end > next ? undefined : { life, until: this.#ats[next - 1] ?? Number.NEGATIVE_INFINITY };
  }

  /** When what was done at the index was durable, if the commits tell: the first sync of a commit begun later. */
  durableAt(index: number): number | undefined {
    if (this.#begun.length === 0) return undefined;
    return this.#syncedFrom[lowerBound(this.#begun, index)] ?? Number.POSITIVE_INFINITY;
  }
}
