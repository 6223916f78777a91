import { closeSync, constants, fdatasync, ftruncate, openSync, read, readSync, write } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../../sync-directory.js";
import { partOfDisk } from "../part-of-disk.js";

/** The files of a store with its large values, by number. Each is written once from its beginning to its end. */
export interface BlobDirectory {
  /** A file that has so many bytes is followed by a new one. */
  fileBytes(): Promise<number>;
  /** Which there are, and how long each is, in bytes. */
  sizes(): Promise<ReadonlyMap<number, number>>;
  /** A file that is not there is made. */
  write(file: number, bytes: Uint8Array, at: number): Promise<void>;
  /** Resolves once the name of a file and all that was written to it survive power loss. */
  sync(file: number): Promise<void>;
  /** Fills `target` from `at` on, and resolves to how much of it the file has. */
  read(file: number, target: Uint8Array, at: number): Promise<number>;
  /** As `read`, at once. */
  readNow(file: number, target: Uint8Array, at: number): number;
  /** What a file has from there on is nothing. */
  cut(file: number, at: number): Promise<void>;
  /** Nobody uses it any more. */
  remove(file: number): Promise<void>;
  close(): void;
}

/** Of a small disk only a part. */
const FILE_BYTES = 32 * 1024 * 1024;
const NAME = /^blobs-(\d{6,})$/;
/** Beyond so many those that were not used for the longest time are closed. */
const DESCRIPTORS_MAX = 32;

const nameOf = (file: number): string => `blobs-${String(file).padStart(6, "0")}`;

interface Opened {
  readonly descriptor: number;
  /** Calls that use it now. */
  users: number;
}

/** Blob files in a directory of this machine. */
export class DiskBlobDirectory implements BlobDirectory {
  readonly #path: string;
  readonly #fileBytes: number | undefined;
  /** Those used last are at the end. */
  readonly #opened = new Map<number, Opened>();
  /** Files whose names may not survive power loss yet. */
  readonly #unnamed = new Set<number>();

  /** @param fileBytes by default what suits the disk */
  constructor(path: string, fileBytes?: number) {
    this.#path = path;
    this.#fileBytes = fileBytes;
  }

  async fileBytes(): Promise<number> {
    return this.#fileBytes ?? (await partOfDisk(this.#path, FILE_BYTES));
  }

  async sizes(): Promise<ReadonlyMap<number, number>> {
    const sizes = new Map<number, number>();
    for (const name of await readdir(this.#path)) {
      const number = NAME.exec(name)?.[1];
      if (number !== undefined) sizes.set(Number(number), (await stat(join(this.#path, name))).size);
    }
    return sizes;
  }

  write(file: number, bytes: Uint8Array, at: number): Promise<void> {
    if (at === 0) this.#unnamed.add(file);
    return this.#using(file, constants.O_RDWR | constants.O_CREAT, async (descriptor) => {
      for (let done = 0; done < bytes.length; ) done += await writeSome(descriptor, bytes, done, at + done);
    });
  }

  async sync(file: number): Promise<void> {
    await this.#using(file, constants.O_RDWR, synced);
    if (!this.#unnamed.has(file)) return;
    await syncDirectory(this.#path);
    this.#unnamed.delete(file);
  }

  read(file: number, target: Uint8Array, at: number): Promise<number> {
    return this.#using(file, constants.O_RDWR, async (descriptor) => {
      let done = 0;
      while (done < target.length) {
        const count = await readSome(descriptor, target, done, at + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  readNow(file: number, target: Uint8Array, at: number): number {
    const { descriptor } = this.#open(file, constants.O_RDWR);
    let done = 0;
    while (done < target.length) {
      const count = readSync(descriptor, target, done, target.length - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async #using<Result>(file: number, flags: number, task: (descriptor: number) => Promise<Result>): Promise<Result> {
    const opened = this.#open(file, flags);
    opened.users++;
    try {
      return await task(opened.descriptor);
    } finally {
      opened.users--;
      this.#closeSome(DESCRIPTORS_MAX);
    }
  }

  #open(file: number, flags: number): Opened {
    const known = this.#opened.get(file);
    this.#opened.delete(file);
    this.#closeSome(DESCRIPTORS_MAX - 1);
    const opened = known ?? { descriptor: openSync(join(this.#path, nameOf(file)), flags, 0o644), users: 0 };
    this.#opened.set(file, opened);
    return opened;
  }

  /** Closes those that nobody uses now, those first that were not used for the longest time, until so many are left. */
  #closeSome(left: number): void {
    if (this.#opened.size <= left) return;
    for (const [file, { descriptor, users }] of this.#opened) {
      if (users > 0) continue;
      this.#opened.delete(file);
      closeSync(descriptor);
      if (this.#opened.size <= left) return;
    }
  }

  cut(file: number, at: number): Promise<void> {
    return this.#using(file, constants.O_RDWR, (descriptor) => truncated(descriptor, at));
  }

  async remove(file: number): Promise<void> {
    const opened = this.#opened.get(file);
    this.#opened.delete(file);
    this.#unnamed.delete(file);
    if (opened !== undefined) closeSync(opened.descriptor);
    await rm(join(this.#path, nameOf(file)), { force: true });
  }

  close(): void {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    for (const { descriptor } of opened) closeSync(descriptor);
  }
}

const writeSome = (descriptor: number, bytes: Uint8Array, from: number, at: number): Promise<number> =>
  new Promise((resolve, reject) => {
    write(descriptor, bytes, from, bytes.length - from, at, (error, count) => (error === null ? resolve(count) : reject(error)));
  });

const readSome = (descriptor: number, target: Uint8Array, from: number, at: number): Promise<number> =>
  new Promise((resolve, reject) => {
    read(descriptor, target, from, target.length - from, at, (error, count) => (error === null ? resolve(count) : reject(error)));
  });

const truncated = (descriptor: number, bytes: number): Promise<void> =>
  new Promise((resolve, reject) => {
    ftruncate(descriptor, bytes, (error) => (error === null ? resolve() : reject(error)));
  });

const synced = (descriptor: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)));
  });
