/** Something that is shown: whoever shows it is told, once for all changes of a turn. */
export class Observable {
  readonly #listeners = new Set<() => void>();
  #telling = false;

  /** @returns ends it */
  observe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  protected changed(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
