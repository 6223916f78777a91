import { ByteReader, ByteWriter } from "holdfast-client/protocol";

/**
 * Members of a room that do not get certain messages of it, by number: as a list or as a bitmap, whichever is smaller.
 * Kept with the messages, so that it is what it was when they were emitted.
 */
export class Exclusion {
  readonly #lowest: number;
  readonly #bits: Uint8Array;
  readonly #list: readonly number[];

  private constructor(lowest: number, bits: Uint8Array, list: readonly number[]) {
    this.#lowest = lowest;
    this.#bits = bits;
    this.#list = list;
  }

  /** @param numbers at least one */
  static of(numbers: Iterable<number>): Exclusion {
    const list = [...new Set(numbers)].sort((a, b) => a - b);
    const lowest = list[0] ?? 0;
    const bytes = (((list.at(-1) ?? 0) - lowest) >> 3) + 1;
    if (list.length * 4 <= bytes) return new Exclusion(lowest, new Uint8Array(0), list);
    const bits = new Uint8Array(bytes);
    for (const number of list) {
      const bit = number - lowest;
      bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
    return new Exclusion(lowest, bits, []);
  }

  has(member: number): boolean {
    if (this.#list.length > 0) return includes(this.#list, member);
    const bit = member - this.#lowest;
    return bit >= 0 && ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  /** The same, without the bytes of the block that it was read from. */
  detached(): Exclusion {
    return new Exclusion(this.#lowest, this.#bits.slice(), this.#list);
  }

  /** Their numbers. */
  *values(): Generator<number> {
    yield* this.#list;
    for (let bit = 0; bit < this.#bits.length * 8; bit++) {
      if (((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0) yield this.#lowest + bit;
    }
  }

  write(writer: ByteWriter): void {
    writer.u32(this.#lowest);
    writer.u32(this.#list.length);
    for (const number of this.#list) writer.u32(number);
    writer.u32(this.#bits.length);
    writer.bytes(this.#bits);
  }

  static read(reader: ByteReader): Exclusion {
    const lowest = reader.u32();
    const list = Array.from({ length: reader.u32() }, () => reader.u32());
    const bytes = reader.u32();
    const at = reader.skip(bytes);
    return new Exclusion(lowest, reader.bytes.subarray(at, at + bytes), list);
  }
}

function includes(list: readonly number[], number: number): boolean {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return list[low] === number;
}

/** Consecutive messages with the same exclusion. */
export interface ExcludedRun {
  readonly first: number;
  readonly count: number;
  readonly exclusion: Exclusion;
}

/** What is stored behind the records of a block; empty when nobody is excluded from any. */
export function packExcluded(runs: readonly ExcludedRun[]): Uint8Array {
  if (runs.length === 0) return new Uint8Array(0);
  const writer = new ByteWriter(256);
  writer.u32(runs.length);
  for (const { first, count, exclusion } of runs) {
    writer.u48(first);
    writer.u32(count);
    exclusion.write(writer);
  }
  return writer.take();
}

export function unpackExcluded(bytes: Uint8Array, start: number): ExcludedRun[] {
  const reader = new ByteReader(bytes, start);
  return Array.from({ length: reader.u32() }, () => {
    const first = reader.u48();
    const count = reader.u32();
    return { first, count, exclusion: Exclusion.read(reader) };
  });
}
