/** Milliseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Times that something took, in milliseconds: up to `countMax` of them. */
export class Latencies {
  readonly #times: Float64Array;
  #count = 0;

  constructor(countMax: number) {
    this.#times = new Float64Array(countMax);
  }

  add(milliseconds: number): void {
    this.#times[this.#count++] = milliseconds;
  }

  /** All 0 when there are none. */
  summary(): LatencySummary {
    const sorted = this.#times.slice(0, this.#count).sort();
    // The lowest time that is not below so large a part of all.
    const at = (part: number): number => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
