/** Counts by a name. */
export class Breakdown {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What there is most of first; empty when there is nothing. */
  toString(): string {
    const parts = [...this.#counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
    return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  }
}
