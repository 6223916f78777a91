import { HoldfastError } from "holdfast-client/protocol";

/** Bytes of messages that wait to be stored, of all together, so that they stay bounded. */
export class OpenBytes {
  readonly #max: number;
  #open = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Runs `store` with so many bytes taken, or fails with `RATE_LIMITED`. */
  async during<Result>(bytes: number, store: () => Promise<Result>): Promise<Result> {
    if (this.#open + bytes > this.#max) {
      throw new HoldfastError("RATE_LIMITED", `${this.#open} bytes wait to be stored, at most ${this.#max} may`);
    }
    this.#open += bytes;
    try {
      return await store();
    } finally {
      this.#open -= bytes;
    }
  }
}
