import { isDiskFull } from "../disk-full.js";
import type { FoundRecord, FoundRecords, Part } from "./records-of.js";
import type { Tally } from "./tallies.js";

export interface CollectorOptions {
  readonly tally: (file: number) => Tally | undefined;
  /** Whether there is room for what is written anew, which is given back only when a file is through. */
  readonly mayCollect: () => Promise<boolean>;
  /** Records of a part of a file. */
  readonly recordsOf: (part: Part) => Promise<FoundRecords>;
  /** Writes those of the records anew that are in use. */
  readonly writeAnew: (records: readonly FoundRecord[]) => Promise<void>;
}

/**
 * Goes through files of which little is in use, one after the other, and has that written anew; the last of it takes the file
 * with it. Nothing depends on it: a file that cannot be read is left as it is for this life, and without room it waits.
 */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #sparse = new Set<number>();
  /** Files that could not be read to their end. */
  readonly #unreadable = new Set<number>();
  #collecting: Promise<void> | undefined;
  #isOn = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#sparse.clear();
    this.#unreadable.clear();
    this.#isOn = true;
  }

  /** Begins nothing more, and resolves once nothing is under way. */
  async end(): Promise<void> {
    this.#isOn = false;
    await this.#collecting;
  }

  /** Little is in use of a file. */
  add(file: number): void {
    if (!this.#unreadable.has(file)) this.#sparse.add(file);
  }

  /** The file is removed. */
  forget(file: number): void {
    this.#sparse.delete(file);
  }

  /** Goes on with what there is, if it may. */
  look(): void {
    if (!this.#isOn || this.#collecting !== undefined || this.#sparse.size === 0) return;
    this.#collecting = this.#collectAll().finally(() => {
      this.#collecting = undefined;
    });
  }

  async #collectAll(): Promise<void> {
    for (const file of this.#sparse) {
      if (!(await this.#collect(file))) return;
      this.#sparse.delete(file);
    }
  }

  /** Resolves to whether the file is through, or given up. */
  async #collect(file: number): Promise<boolean> {
    const { tally, mayCollect, recordsOf, writeAnew } = this.#options;
    for (let at = 0; ; ) {
      if (!this.#isOn || !(await mayCollect().catch(() => false))) return false;
      const end = tally(file)?.end ?? 0;
      if (at >= end) return true;
      try {
        const found = await recordsOf({ file, from: at, end });
        if (found.records.length === 0) throw new Error("no record begins here");
        at = found.end;
        await writeAnew(found.records);
      } catch (error) {
        if (isDiskFull(error)) return false;
        this.#unreadable.add(file);
        return true;
      }
    }
  }
}
