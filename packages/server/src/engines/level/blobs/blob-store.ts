import { randomBytes } from "node:crypto";
import type { Entry, KeyRange, ReadRange, Store, StoreSnapshot, Write } from "../../../store.js";
import { pagesOf } from "../../pages.js";
import { textOf } from "../journal/overlay.js";
import type { BlobDirectory } from "./blob-directory.js";
import { BlobReader } from "./blob-reader.js";
import { recordBytes } from "./blob-record.js";
import { BlobWriter } from "./blob-writer.js";
import { Collector } from "./collector.js";
import { damaged } from "./damaged.js";
import { isDiskFull } from "../disk-full.js";
import { Readers } from "./readers.js";
import { cutFiles, findReferences, findSecret, wrongTallies } from "./find-references.js";
import { type Reference, References, SECRET_BYTES } from "./reference.js";
import { type FoundRecord, recordsOf } from "./records-of.js";
import { readTallies, type Tally, TallyChanges, writesOfTallies } from "./tallies.js";

/** Smaller values stay in the store below. */
const BLOB_BYTES_MIN = 4_096;
/** Of a file of which less is alive what is alive is written anew, and the file removed. */
const LIVE_PART_MIN = 0.5;
/** With less room on the disk nothing is written anew: consumers need it. */
const FREE_BYTES_MIN = 12 * 1024 * 1024;
/** Looked through at once for references, when a range is cleared. */
const CLEARED = { entriesMax: 1_000, bytesMax: 1024 * 1024 };

/** No key of the core begins like this. */
const SECRET_KEY = Buffer.of(0x00, 0x01);

/** What a store with large values beside it is put before. */
export interface BlobBase extends Store {
  /** The values of keys, in their order. */
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
}

export interface BlobStoreOptions {
  readonly base: BlobBase;
  readonly directory: BlobDirectory;
  /** Whether the values of a key are those that become large. They must show damage by themselves. */
  readonly isLarge: (key: Uint8Array) => boolean;
  /** Whether values may be put into files, asked once it is open: a program that knows none must not take the store for its own. */
  readonly mayUse?: (base: Store) => boolean;
  /** Is told that the disk has no room, and gives up some that it kept. */
  readonly diskFull?: () => Promise<void>;
  /** How much room the disk has. */
  readonly freeBytes?: () => Promise<number>;
  /** A value that is missing is read as zeros, so that what else there is can be read. */
  readonly tolerant?: boolean;
  /** In bytes; for tests. */
  readonly blobBytesMin?: number;
}

/**
 * Keeps large values in files of their own, and references to them in the store below. That one writes again and again what
 * it holds, to keep it in order: of a backlog each byte ten times. A blob is written once. See decision 025.
 *
 *     write --> blob file (synced) --> reference in the store below (synced)
 *     read  <-- blob file          <-- reference
 *
 * How much of a file is in use stands in the store below, in its *tally*, in the very commits that change it. A file of
 * which nothing is in use is removed, and one of which less than half is in use is written anew.
 */
export class BlobStore implements Store {
  readonly #options: BlobStoreOptions;
  readonly #base: BlobBase;
  readonly #directory: BlobDirectory;
  readonly #blobBytesMin: number;
  readonly #writer: BlobWriter;
  #references = new References(Buffer.alloc(SECRET_BYTES));
  #reader: BlobReader;
  /** To be stored with the first reference. */
  #newSecret: Write | undefined;
  #isSecretLost = false;
  #tallies = new Map<number, Tally>();
  #mayUse = false;
  /** Files that a life before this one wrote and nothing refers to. */
  #orphans: number[] = [];
  readonly #collector: Collector;
  /** Values below may be references. */
  #refers = false;
  /** Lives since it was made. */
  #life = 0;
  /** Resolves once no file is being removed. */
  #removed: Promise<unknown> = Promise.resolve();
  #failure: { readonly cause: unknown } | undefined;
  /** Changes are made one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #reads = new Readers();
  #snapshots = new Readers();

  constructor(options: BlobStoreOptions) {
    this.#options = options;
    this.#base = options.base;
    this.#directory = options.directory;
    this.#blobBytesMin = options.blobBytesMin ?? BLOB_BYTES_MIN;
    const { directory, diskFull = async () => undefined } = options;
    this.#writer = new BlobWriter({ directory, diskFull });
    this.#collector = new Collector({
      tally: (file) => this.#tallies.get(file),
      mayCollect: async () => !this.#snapshots.areAny && ((await options.freeBytes?.()) ?? FREE_BYTES_MIN) >= FREE_BYTES_MIN,
      recordsOf: (part) => this.#reads.during(() => recordsOf(directory, part)),
      writeAnew: (records) => this.#reads.during(() => this.#inTurn(() => this.#writeAnew(records))),
    });
    this.#reader = this.#newReader();
  }

  #newReader(): BlobReader {
    return new BlobReader({ directory: this.#directory, references: this.#references, tolerant: this.#options.tolerant === true });
  }

  // --- life ----------------------------------------------------------------------------------------------------

  async open(): Promise<void> {
    await this.#base.open();
    try {
      this.#failure = undefined;
      this.#reads = new Readers();
      this.#snapshots = new Readers();
      this.#readSecret();
      this.#mayUse = this.#options.mayUse?.(this.#base) ?? true;
      this.#tallies = await readTallies(this.#base);
      const sizes = await this.#directory.sizes();
      const isTolerant = this.#options.tolerant === true;
      if (this.#newSecret !== undefined && sizes.size > 0) await this.#lookForSecret();
      if (!isTolerant) this.#checkSizes(sizes);
      // Tallies may be what is damaged, and then nothing tells which files are in use before all was looked at.
      this.#orphans = isTolerant ? [] : [...sizes.keys()].filter((file) => !this.#tallies.has(file));
      this.#refers = isTolerant || this.#tallies.size > 0;
      await this.#writer.begin(this.#tallies, sizes, !isTolerant);
      // What cannot be read now must not be written anew as zeros.
      if (!isTolerant) this.#collector.begin();
      this.#lookForSparse(this.#tallies.keys());
    } catch (error) {
      await this.#base.close();
      throw error;
    }
  }

  #readSecret(): void {
    const stored = this.#base.get(SECRET_KEY);
    const secret = stored ?? randomBytes(SECRET_BYTES);
    if (secret.length !== SECRET_BYTES) throw damaged(`the secret of its blob files has ${secret.length} bytes, expected ${SECRET_BYTES}`);
    this.#references = new References(secret);
    this.#reader = this.#newReader();
    this.#newSecret = stored === undefined ? { key: SECRET_KEY, value: secret } : undefined;
    this.#isSecretLost = false;
  }

  /** There are files, and no secret that references begin with. Where there are references as well it was lost: they have it. */
  async #lookForSecret(): Promise<void> {
    const secret = await findSecret(this.#base, this.#options.isLarge);
    if (secret === undefined) return;
    if (this.#options.tolerant !== true) throw damaged("the secret of its blob files is missing");
    this.#references = new References(secret);
    this.#reader = this.#newReader();
    this.#newSecret = { key: SECRET_KEY, value: secret };
    this.#isSecretLost = true;
  }

  #checkSizes(sizes: ReadonlyMap<number, number>): void {
    const [first] = cutFiles(this.#tallies, sizes);
    if (first !== undefined) throw damaged(first);
  }

  async close(): Promise<void> {
    await this.#collector.end();
    await this.#turn;
    await this.#reads.gone();
    // Whoever waits for snapshots leaves its file to the next life.
    this.#life++;
    await this.#removed;
    try {
      this.#directory.close();
    } finally {
      await this.#base.close();
    }
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(ignore);
    return done;
  }

  // --- writing -------------------------------------------------------------------------------------------------

  write(writes: readonly Write[]): Promise<void> {
    return this.#inTurn(() => this.#write(writes));
  }

  /** @param isNeeded otherwise nothing is lost when there is no room for the values, which ends nothing then */
  async #write(writes: readonly Write[], isNeeded = true): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.cause;
    let hasBegun = isNeeded;
    try {
      await this.#removeOrphans();
      const known = await this.#referencesOf(writes);
      const changes = new TallyChanges(this.#tallies);
      const active = this.#writer.active;
      const below = this.#replaced(writes, known, changes);
      const hasBlobs = await this.#writer.write(isNeeded ? undefined : this.#tallies);
      hasBegun = true;
      this.#refers ||= hasBlobs;
      if (hasBlobs && this.#newSecret !== undefined) below.push(this.#newSecret);
      await this.#base.write([...below, ...changes.writes()]);
      if (hasBlobs) this.#newSecret = undefined;
      const { changed, empty } = changes.apply();
      for (const file of empty) this.#forget(file);
      this.#lookForSparse(active === undefined ? changed : [active, ...changed]);
      this.#collector.look();
    } catch (cause) {
      if (hasBegun || !isDiskFull(cause)) this.#failure ??= { cause };
      throw cause;
    }
  }

  /** What the store below has for the keys of large values, where that is a reference. */
  async #referencesOf(writes: readonly Write[]): Promise<Map<string, Reference>> {
    const found = new Map<string, Reference>();
    if (this.#tallies.size === 0) return found;
    const asked = writes.filter(({ key, fresh }) => fresh !== true && this.#options.isLarge(key)).map(({ key }) => key);
    if (asked.length === 0) return found;
    const stored = await this.#base.getMany(asked);
    for (const [index, key] of asked.entries()) {
      const value = stored[index];
      const reference = value === undefined ? undefined : this.#references.read(value);
      if (reference !== undefined) found.set(textOf(key), reference);
    }
    return found;
  }

  /**
   * What is written to the store below instead.
   *
   * @param known what keys refer to, by key
   */
  #replaced(writes: readonly Write[], known: Map<string, Reference>, changes: TallyChanges): Write[] {
    return writes.map((write) => {
      const { key, value } = write;
      if (!this.#options.isLarge(key)) return write;
      const before = known.get(textOf(key));
      if (before !== undefined) {
        changes.dropped(before.file, recordBytes(key.length, before.bytes));
        known.delete(textOf(key));
      }
      if (!this.#mayUse || value === undefined || value.length < this.#blobBytesMin) return write;
      const reference = this.#writer.place(key, value, changes);
      known.set(textOf(key), reference);
      return { key, value: this.#references.pack(reference) };
    });
  }

  /** Whoever only looks at a store removes nothing. */
  async #removeOrphans(): Promise<void> {
    for (const file of this.#orphans.splice(0)) await this.#directory.remove(file).catch(ignore);
  }

  /** Removes a file once nobody reads it. One that is left behind is removed by the next life. */
  #forget(file: number): void {
    this.#writer.leave(file);
    this.#collector.forget(file);
    const life = this.#life;
    void Promise.all([this.#reads.gone(), this.#snapshots.gone()]).then(() => {
      if (life !== this.#life) return;
      const removal = this.#directory.remove(file).catch(ignore);
      this.#removed = this.#removed.then(() => removal);
    });
  }

  #lookForSparse(files: Iterable<number>): void {
    for (const file of files) {
      const tally = this.#tallies.get(file);
      if (tally === undefined || tally.liveBytes >= tally.end * LIVE_PART_MIN) continue;
      if (file === this.#writer.active && !this.#writer.isGrown(tally)) continue;
      this.#writer.leave(file);
      this.#collector.add(file);
    }
  }

  /** References are dropped in one commit with what the tallies say of it; then the rest of the ranges is. */
  async clear(ranges: readonly KeyRange[]): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#tallies.size > 0) for (const range of ranges) await this.#clearReferences(range);
      await this.#base.clear(ranges);
    });
  }

  async #clearReferences(range: KeyRange): Promise<void> {
    for await (const page of pagesOf(this.#base, range, CLEARED)) {
      const referring = page.filter(([key, value]) => this.#options.isLarge(key) && this.#references.read(value) !== undefined);
      if (referring.length > 0) await this.#write(referring.map(([key]) => ({ key, value: undefined })));
    }
  }

  reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    return this.#base.reclaim(from, to);
  }

  spareBytes(): Promise<number> {
    return this.#base.spareBytes();
  }

  // --- doctor --------------------------------------------------------------------------------------------------

  /** What of the files is not as their tallies say, and of the tallies not as everything that refers to files says. */
  async examine(): Promise<string[]> {
    const sizes = await this.#directory.sizes();
    const found = await findReferences(this.#base, this.#references);
    const ofSecret = this.#isSecretLost ? ["the secret of its blob files is missing"] : [];
    return [...ofSecret, ...cutFiles(this.#tallies, sizes), ...wrongTallies(this.#tallies, found.tallies)];
  }

  /** Takes out what refers to what is missing, and counts anew. Whatever is lost by that was found before. */
  async mend(): Promise<void> {
    const sizes = await this.#directory.sizes();
    const found = await findReferences(this.#base, this.#references, sizes);
    const deletes = found.missing.map((key) => ({ key, value: undefined }));
    const secret = this.#isSecretLost && this.#newSecret !== undefined ? [this.#newSecret] : [];
    await this.#inTurn(() => this.#base.write([...secret, ...deletes, ...writesOfTallies(this.#tallies, found.tallies)]));
    this.#tallies = found.tallies;
    if (secret.length > 0) this.#newSecret = undefined;
    this.#isSecretLost = false;
  }

  // --- writing anew --------------------------------------------------------------------------------------------

  /** Writes those records anew that something refers to, if they can be read. */
  async #writeAnew(records: readonly FoundRecord[]): Promise<void> {
    const stored = await this.#base.getMany(records.map(({ key }) => key));
    const writes: Write[] = [];
    for (const [index, { key, file, at }] of records.entries()) {
      const value = stored[index];
      const current = value === undefined ? undefined : this.#references.read(value);
      if (current?.file !== file || current.at !== at) continue;
      writes.push({ key, value: await this.#reader.valueOf(key, current) });
    }
    if (writes.length > 0) await this.#write(writes, false);
  }

  // --- reading -------------------------------------------------------------------------------------------------

  async read(range: ReadRange): Promise<readonly Entry[]> {
    if (!this.#refers) return this.#base.read(range);
    return this.#reads.during(() => this.#reader.read(this.#base, range));
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.get(this.#base, key);
  }

  /** The moment is that of the call. */
  snapshot(): Promise<StoreSnapshot> {
    const end = this.#snapshots.begin();
    const reads = new Readers();
    return this.#base.snapshot().then(
      (snapshot) => ({
        read: (range) => reads.during(() => this.#reads.during(() => this.#reader.read(snapshot, range))),
        close: async () => {
          await reads.gone();
          await snapshot.close().finally(end);
        },
      }),
      (error: unknown) => {
        end();
        throw error;
      },
    );
  }
}

const ignore = (): void => undefined;
