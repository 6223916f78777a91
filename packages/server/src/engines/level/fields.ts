/** Fields of LevelDB's one after the other: numbers of seven bits a byte, and texts with their length before them. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;
  isSound = true;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.isSound && this.#at < this.#bytes.length;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; this.isSound; factor *= 128) {
      const byte = this.#bytes[this.#at++];
      this.isSound = byte !== undefined && factor <= Number.MAX_SAFE_INTEGER;
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return 0;
  }

  /** As many bytes; fewer where they end before. */
  take(bytes: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.isSound &&= this.#at <= this.#bytes.length;
    return taken;
  }

  skipText(): void {
    this.take(this.number());
  }
}
