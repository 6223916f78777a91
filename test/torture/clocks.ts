import type { HistoryLine } from "./history-file.js";

const NS_PER_MS = 1e6;
/** Two clocks are at least twice as far apart, and what is told of a time is nearer to it. */
const NEAR_MS = 600_000;

/** What the clocks of servers showed, which may be set between their lives. */
export class Clocks {
  readonly #zeroMs: number;
  readonly #sets: { readonly ns: number; readonly aheadMs: number }[] = [{ ns: Number.NEGATIVE_INFINITY, aheadMs: 0 }];
  /** When each process of a server was started, and how far its clock was surely ahead of what was set. */
  readonly #lives: { readonly ns: number; skewMs: number }[] = [];

  /**
   * @param lines of all processes, in order
   * @param zeroMs see `clockZeroMs`
   */
  constructor(lines: readonly HistoryLine[], zeroMs: number, leaseMsOf: (queue: string) => number) {
    this.#zeroMs = zeroMs;
    for (const line of lines) if (line.type === "clock-set") this.#sets.push(line);
    for (const line of lines) {
      if (line.type === "restart") this.#lives.push({ ns: line.ns, skewMs: 0 });
      const life = this.#lives.at(-1);
      if (line.type !== "delivery" || life === undefined) continue;
      // A process may be kept waiting while it looks at both clocks at its start. No lease comes after its delivery.
      const skewMs = line.leaseUntil - leaseMsOf(line.queue) - this.#setMs(line.ns);
      if (skewMs > life.skewMs && skewMs < NEAR_MS) life.skewMs = skewMs;
    }
  }

  /** What a server's clock showed then, in ms since 1970. */
  atMs(ns: number): number {
    return this.#setMs(ns) + (this.#lives.findLast((life) => life.ns <= ns)?.skewMs ?? 0);
  }

  /** What it would show if it had begun as it was set. */
  #setMs(ns: number): number {
    return ns / NS_PER_MS + this.#zeroMs + (this.#sets.findLast((set) => set.ns <= ns)?.aheadMs ?? 0);
  }

  /** When a server's clock showed that, as was told shortly after it, maybe after the clock of the next server was set. */
  nsOf(atMs: number, toldNs: number): number {
    const told = toldNs / NS_PER_MS + this.#zeroMs;
    const set = this.#sets.findLast(({ ns, aheadMs }) => ns <= toldNs && Math.abs(atMs - aheadMs - told) < NEAR_MS);
    const skewMs = this.#lives.findLast(({ ns }) => ns <= toldNs)?.skewMs ?? 0;
    return (atMs - (set?.aheadMs ?? 0) - skewMs - this.#zeroMs) * NS_PER_MS;
  }
}
