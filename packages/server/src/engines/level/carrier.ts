/** Room for values on their way from a file to the store below, used anew for each batch: they are the bulk of what is read. */
export class Carrier {
  readonly #bytes: number;
  #room = Buffer.alloc(0);
  #used = 0;

  /** @param bytes what a batch has, about; a value that finds no more room gets its own */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** The batch is where it was to go. */
  empty(): void {
    this.#used = 0;
  }

  take(bytes: number): Buffer {
    if (this.#room.length === 0) this.#room = Buffer.allocUnsafeSlow(this.#bytes);
    if (this.#used + bytes > this.#room.length) return Buffer.allocUnsafeSlow(bytes);
    this.#used += bytes;
    return this.#room.subarray(this.#used - bytes, this.#used);
  }
}
