export type Callback = (answer?: object) => void;

/** Something the server waits for an answer to. When it tells the same again, the answer is given to the later telling. */
export interface Work {
  callback: Callback;
  run(): Promise<void>;
}

/** Works that may be unanswered at a time; the server gives no more than 256 messages. */
const WORKS_MAX = 1_000;

/** What was told and is not answered, in the order it came; it is held until somebody is there to do it. */
export class Works {
  readonly #works = new Map<string, Work>();
  readonly #running = new Set<string>();
  #held = true;

  /** None is being done. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  /** @param key the same for what is told again */
  add(key: string, work: Work): void {
    const known = this.#works.get(key);
    if (known !== undefined) {
      known.callback = work.callback;
      return;
    }
    // It comes again as long as it is not answered.
    if (this.#works.size >= WORKS_MAX) return;
    this.#works.set(key, work);
    if (!this.#held) void this.#run(key, work);
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const [key, work] of this.#works) if (!this.#running.has(key)) void this.#run(key, work);
  }

  async #run(key: string, work: Work): Promise<void> {
    this.#running.add(key);
    await work.run();
    this.#running.delete(key);
    this.#works.delete(key);
  }
}
