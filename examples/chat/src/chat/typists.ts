/** A little longer than a page that is typed in waits before it says so again. */
const SHOWN_MS = 4_000;

/** Who is typing. They are told by plain Socket.IO events, which may be lost: then a line is missing for some seconds. */
export class Typists {
  readonly #changed: () => void;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get names(): readonly string[] {
    return [...this.#timers.keys()];
  }

  typed(user: string): void {
    clearTimeout(this.#timers.get(user));
    this.#timers.set(
      user,
      setTimeout(() => this.stopped(user), SHOWN_MS),
    );
    this.#changed();
  }

  stopped(user: string): void {
    clearTimeout(this.#timers.get(user));
    if (this.#timers.delete(user)) this.#changed();
  }
}
