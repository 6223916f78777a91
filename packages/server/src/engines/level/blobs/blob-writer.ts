import { Carrier } from "../carrier.js";
import type { BlobDirectory } from "./blob-directory.js";
import { packRecord, recordBytes } from "./blob-record.js";
import { isDiskFull } from "../disk-full.js";
import type { Reference } from "./reference.js";
import type { Tally, TallyChanges } from "./tallies.js";

/** Room for the records of a commit, used anew for each. */
const CARRIED_BYTES = 384 * 1024;

const GROWN_PART = 0.25;

export interface BlobWriterOptions {
  readonly directory: BlobDirectory;
  /** Is told that the disk has no room, and gives up some that it kept. */
  readonly diskFull: () => Promise<void>;
}

/** What is added to one file by one commit. */
interface Part {
  readonly at: number;
  bytes: number;
  readonly records: { readonly key: Uint8Array; readonly value: Uint8Array }[];
}

/** Adds values to the newest file, and begins the next one when that is full. */
export class BlobWriter {
  readonly #options: BlobWriterOptions;
  readonly #carrier = new Carrier(CARRIED_BYTES);
  readonly #parts = new Map<number, Part>();
  #active: number | undefined;
  #fileBytes = 0;
  /** No file had this number yet, nor a higher one. */
  #next = 1;

  constructor(options: BlobWriterOptions) {
    this.#options = options;
  }

  /** @param goesOn with the newest file, where its tally says that it ends; otherwise a new one is begun */
  async begin(tallies: ReadonlyMap<number, Tally>, sizes: ReadonlyMap<number, number>, goesOn: boolean): Promise<void> {
    this.#parts.clear();
    this.#fileBytes = await this.#options.directory.fileBytes();
    const newest = highest(tallies.keys());
    this.#next = Math.max(newest, highest(sizes.keys())) + 1;
    const end = tallies.get(newest)?.end;
    this.#active = goesOn && end !== undefined && end < this.#fileBytes ? newest : undefined;
  }

  /** The file that is added to, if any. */
  get active(): number | undefined {
    return this.#active;
  }

  /** Whether so much of a file was written that it is worth writing anew what is in use of it. */
  isGrown({ end }: Tally): boolean {
    return end >= this.#fileBytes * GROWN_PART;
  }

  /** A file is added to no more. */
  leave(file: number): void {
    if (this.#active === file) this.#active = undefined;
  }

  /** Gives a value its place. The bytes are needed until it was written. */
  place(key: Uint8Array, value: Uint8Array, changes: TallyChanges): Reference {
    const bytes = recordBytes(key.length, value.length);
    if (this.#active !== undefined && changes.of(this.#active).end + bytes > this.#fileBytes) this.#active = undefined;
    this.#active ??= this.#next++;
    const file = this.#active;
    const at = changes.of(file).end;
    const part = this.#parts.get(file) ?? { at, bytes: 0, records: [] };
    this.#parts.set(file, part);
    part.records.push({ key, value });
    part.bytes += bytes;
    changes.added(file, bytes);
    return { file, at, bytes: value.length };
  }

  /**
   * Resolves to whether there was any value to write, once all of them survive power loss.
   *
   * @param before given when nothing is lost without it: what is in use then, which is all that a failure leaves
   */
  async write(before?: ReadonlyMap<number, Tally>): Promise<boolean> {
    const parts = [...this.#parts];
    this.#parts.clear();
    try {
      for (const [file, part] of parts) await this.#append(file, part);
    } catch (cause) {
      if (before !== undefined) await this.#undo(parts, before);
      else if (isDiskFull(cause)) await this.#options.diskFull();
      throw cause;
    }
    return parts.length > 0;
  }

  async #undo(parts: readonly (readonly [number, Part])[], before: ReadonlyMap<number, Tally>): Promise<void> {
    for (const [file] of parts) {
      const end = before.get(file)?.end;
      if (end === undefined) this.leave(file);
      await (end === undefined ? this.#options.directory.remove(file) : this.#options.directory.cut(file, end));
    }
  }

  async #append(file: number, { at, bytes, records }: Part): Promise<void> {
    const { directory } = this.#options;
    this.#carrier.empty();
    const packed = this.#carrier.take(bytes);
    let end = 0;
    for (const { key, value } of records) end = packRecord(packed, end, key, value);
    await directory.write(file, packed, at);
    await directory.sync(file);
  }
}

const highest = (numbers: Iterable<number>): number => {
  let found = 0;
  for (const number of numbers) if (number > found) found = number;
  return found;
};
