import type { VersionEdit } from "./version-edit.js";

/** Names of LevelDB's files, which are numbered. */
const nameOf = (number: number, extension: string): string => `${String(number).padStart(6, "0")}.${extension}`;

/** The files of a directory by name, with their sizes. */
export type FileSizes = ReadonlyMap<string, number>;

/** What LevelDB has at one moment: tables, and logs from one on. */
export class Version {
  /** Bytes of each table, by its number. */
  readonly #tables = new Map<number, number>();
  #log: number | undefined;
  #nextFile: number | undefined;
  #lastSequence: number | undefined;

  copy(): Version {
    const copy = new Version();
    for (const [number, bytes] of this.#tables) copy.#tables.set(number, bytes);
    [copy.#log, copy.#nextFile, copy.#lastSequence] = [this.#log, this.#nextFile, this.#lastSequence];
    return copy;
  }

  apply({ added, removed, log, nextFile, lastSequence }: VersionEdit): void {
    // A table that goes to another level is removed and added.
    for (const number of removed) this.#tables.delete(number);
    for (const { number, bytes } of added) this.#tables.set(number, bytes);
    this.#log = log ?? this.#log;
    this.#nextFile = nextFile ?? this.#nextFile;
    this.#lastSequence = lastSequence ?? this.#lastSequence;
  }

  /** Its tables by name, with the bytes that each has. */
  get tables(): FileSizes {
    return new Map([...this.#tables].map(([number, bytes]) => [nameOf(number, "ldb"), bytes]));
  }

  /** What keeps it from being all there, in a few words; undefined when nothing does. */
  lacks(files: FileSizes): string | undefined {
    if (this.#log === undefined || this.#nextFile === undefined || this.#lastSequence === undefined)
      return "the first records of its manifest are not whole";
    for (const [number, bytes] of this.#tables) {
      const name = nameOf(number, "ldb");
      const found = files.get(name) ?? files.get(nameOf(number, "sst"));
      if (found === undefined) return `${name} is missing`;
      if (found < bytes) return `${name} has ${found} bytes of ${bytes}`;
    }
    const log = nameOf(this.#log, "log");
    // A new LevelDB has none for a moment.
    return this.#log === 0 || files.has(log) ? undefined : `${log} is missing`;
  }
}
