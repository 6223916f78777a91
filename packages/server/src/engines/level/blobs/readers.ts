/** Who reads now, and what is to be done once those who read when it was asked for do so no more. */
export class Readers {
  readonly #reading = new Set<object>();
  readonly #waiting: { readonly until: Set<object>; readonly then: () => void }[] = [];

  get areAny(): boolean {
    return this.#reading.size > 0;
  }

  /** Somebody begins to read. Whoever gets it calls it once when that is over. */
  begin(): () => void {
    const reader = {};
    this.#reading.add(reader);
    return () => this.#end(reader);
  }

  async during<Result>(task: () => Promise<Result>): Promise<Result> {
    const end = this.begin();
    try {
      return await task();
    } finally {
      end();
    }
  }

  /** Resolves once all are done who read now. */
  async gone(): Promise<void> {
    if (this.#reading.size === 0) return;
    const until = new Set(this.#reading);
    await new Promise<void>((then) => this.#waiting.push({ until, then }));
  }

  #end(reader: object): void {
    if (!this.#reading.delete(reader)) return;
    for (let index = this.#waiting.length - 1; index >= 0; index--) {
      const waiting = this.#waiting[index];
      if (waiting?.until.delete(reader) !== true || waiting.until.size > 0) continue;
      this.#waiting.splice(index, 1);
      waiting.then();
    }
  }
}
