/** Counts by a name. */
export class Breakdown {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** What there is most of first; empty when there is nothing. */
  toString(): string {
    const parts = [...this.#counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
    return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  }
}
