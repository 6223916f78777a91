/** Why what was told failed, once all is done that it asked for; undefined when it did not. */
export type Outcome = string | undefined;

/** Something the server waits for an answer to. When it tells the same again, the answer is given to the later telling. */
export interface Work {
  answer: (outcome: Outcome) => void;
  readonly run: () => Outcome | Promise<Outcome>;
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

  /** @param keyOf the same for what is told again */
  add(keyOf: () => string, work: Work): void {
    // Nearly always it is done at once, and nothing has to be remembered of it.
    if (!this.#held && this.#works.size === 0) {
      const outcome = work.run();
      if (outcome instanceof Promise) this.#await(keyOf(), work, outcome);
      else work.answer(outcome);
      return;
    }
    const key = keyOf();
    const known = this.#works.get(key);
    if (known !== undefined) {
      known.answer = work.answer;
      return;
    }
    // It comes again as long as it is not answered.
    if (this.#works.size >= WORKS_MAX) return;
    this.#works.set(key, work);
    if (!this.#held) this.#run(key, work);
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    for (const [key, work] of this.#works) if (!this.#running.has(key)) this.#run(key, work);
  }

  #run(key: string, work: Work): void {
    const outcome = work.run();
    if (outcome instanceof Promise) {
      this.#await(key, work, outcome);
      return;
    }
    this.#works.delete(key);
    work.answer(outcome);
  }

  #await(key: string, work: Work, outcome: Promise<Outcome>): void {
    this.#works.set(key, work);
    this.#running.add(key);
    void outcome.then((result) => {
      this.#running.delete(key);
      this.#works.delete(key);
      work.answer(result);
    });
  }
}
