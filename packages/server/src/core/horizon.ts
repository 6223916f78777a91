/**
 * A part of the store that is ordered by time, as far as memory knows it: where it was looked at last, and when the next
 * look is worth while. That time may be too early, never too late. One look at a time.
 */
export class Horizon {
  /** When something is to be done next; {@link Number.POSITIVE_INFINITY}: nothing is there. */
  next = Number.POSITIVE_INFINITY;
  /** A look is under way. */
  looking = false;
  /** The last key that was looked at, and its time: nothing comes before it any more. */
  passed: Uint8Array | undefined;
  at = 0;
  #meanwhile = Number.POSITIVE_INFINITY;

  /** The earliest of what became durable since the last read started, which may not have seen it. */
  get unread(): number {
    return this.#meanwhile;
  }

  /** Something that is to be done at that time became durable. */
  note(at: number): void {
    this.next = Math.min(this.next, at);
    this.#meanwhile = Math.min(this.#meanwhile, at);
  }

  /** A read of the store starts; it may miss what becomes durable from now on. */
  begin(): void {
    this.#meanwhile = Number.POSITIVE_INFINITY;
  }

  /** Begins anew: something may be there from the first key on. */
  restart(): void {
    this.passed = undefined;
    this.at = 0;
    this.next = 0;
  }

  /** What the read found under that key was dealt with. */
  pass(key: Uint8Array, at: number): void {
    this.passed = key;
    this.at = at;
  }

  /** The read was dealt with; what it knows of comes at `next`. */
  end(next: number): void {
    this.next = Math.min(next, this.#meanwhile);
  }
}
