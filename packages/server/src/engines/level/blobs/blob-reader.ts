import type { Entry, ReadRange, Store } from "../../../store.js";
import type { BlobDirectory } from "./blob-directory.js";
import { readHead, recordBytes } from "./blob-record.js";
import { damaged } from "./damaged.js";
import type { Reference, References } from "./reference.js";

/** At a time, so that others find a thread: a commit waits for its sync there. */
const READS_MAX = 3;

export interface BlobReaderOptions {
  readonly directory: BlobDirectory;
  readonly references: References;
  /** A value that is missing is read as zeros. */
  readonly tolerant: boolean;
}

/** Reads from the store below, and from blob files what that refers to. */
export class BlobReader {
  readonly #directory: BlobDirectory;
  readonly #references: References;
  readonly #tolerant: boolean;

  constructor({ directory, references, tolerant }: BlobReaderOptions) {
    this.#directory = directory;
    this.#references = references;
    this.#tolerant = tolerant;
  }

  async read(store: Pick<Store, "read">, range: ReadRange): Promise<readonly Entry[]> {
    const weigh = (value: Uint8Array): number => this.#references.read(value)?.bytes ?? value.length;
    const entries = await store.read({ ...range, weigh });
    const resolved: Entry[] = [];
    for (let at = 0; at < entries.length; at += READS_MAX) {
      // Nobody is told that one read failed before the others are over: the files may be closed then.
      const some = await Promise.allSettled(entries.slice(at, at + READS_MAX).map((entry) => this.#resolved(entry)));
      for (const result of some) {
        if (result.status === "rejected") throw result.reason;
        resolved.push(result.value);
      }
    }
    return resolved;
  }

  #resolved(entry: Entry): Entry | Promise<Entry> {
    const reference = this.#references.read(entry[1]);
    return reference === undefined ? entry : this.valueOf(entry[0], reference).then((value) => [entry[0], value]);
  }

  async valueOf(key: Uint8Array, reference: Reference): Promise<Uint8Array> {
    const record = Buffer.allocUnsafeSlow(recordBytes(key.length, reference.bytes));
    const bytes = await this.#directory.read(reference.file, record, reference.at).catch((error: unknown) => this.#tolerated(error));
    return this.#checked(key, reference, record.subarray(0, bytes));
  }

  /** Reads one key at once. */
  get(store: Pick<Store, "get">, key: Uint8Array): Uint8Array | undefined {
    const stored = store.get(key);
    const reference = stored === undefined ? undefined : this.#references.read(stored);
    if (reference === undefined) return stored;
    const record = Buffer.allocUnsafeSlow(recordBytes(key.length, reference.bytes));
    let bytes = 0;
    try {
      bytes = this.#directory.readNow(reference.file, record, reference.at);
    } catch (error) {
      this.#tolerated(error);
    }
    return this.#checked(key, reference, record.subarray(0, bytes));
  }

  /** How much was read of a file that is not there, for whoever puts up with that. A file that cannot be read now may be whole. */
  #tolerated(error: unknown): number {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (this.#tolerant && isMissing) return 0;
    throw error;
  }

  /** The value of a record, if it is that of the key. */
  #checked(key: Uint8Array, { file, at, bytes }: Reference, record: Buffer): Uint8Array {
    const head = record.length === recordBytes(key.length, bytes) ? readHead(record) : undefined;
    if (head !== undefined && head.valueBytes === bytes && Buffer.compare(head.key, key) === 0)
      return record.subarray(record.length - bytes);
    if (this.#tolerant) return Buffer.alloc(bytes);
    throw damaged(`blob file ${file} has no value of ${bytes} bytes at ${at}`);
  }
}
