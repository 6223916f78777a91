import type { Connection } from "./connection.js";

/** A deadline is told up to this much late. */
const GRAIN_MS = 20;

/** One timer for everything that waits only so long; it runs while there is such a thing. */
export class Deadlines {
  readonly #connection: Connection;
  readonly #due = new Map<() => void, number>();
  #running = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  add(onDue: () => void, delayMs: number): void {
    this.#due.set(onDue, performance.now() + delayMs);
    if (!this.#running) this.#wake();
  }

  delete(onDue: () => void): void {
    this.#due.delete(onDue);
  }

  #wake(): void {
    for (const [onDue, at] of this.#due) {
      if (at > performance.now()) continue;
      this.#due.delete(onDue);
      onDue();
    }
    this.#running = this.#due.size > 0;
    if (this.#running) this.#connection.after(GRAIN_MS, () => this.#wake());
  }
}
