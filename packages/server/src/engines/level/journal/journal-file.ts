import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";
import { isDiskFull } from "../disk-full.js";
import { type Identity, leadsTo } from "../leads-to.js";

/** The file grows by so much at a time: the sync of a commit need not wait for the file system's own books then. */
const GROWTH_BYTES = 1024 * 1024;

const fdatasyncAsync = promisify(fdatasync);

/** One file of the journal: filled from its beginning to its end, then used again. */
export interface JournalFile {
  /** Without its directory. */
  readonly name: string;
  readonly size: number;
  /** It is never longer, except when it was already. */
  readonly bytesMax: number;
  /** Whether it has or gets room for so many bytes; not when the disk has none. */
  makeRoom(bytes: number): boolean;
  write(bytes: Uint8Array, position: number): void;
  /** Resolves once all that was written survives power loss; fails when nobody would find it under the name of the file. */
  sync(): Promise<void>;
  /** Fills `target` from `position` on; what lies past the end is not touched. */
  read(target: Uint8Array, position: number): number;
  close(): void;
}

export interface JournalFileOptions {
  readonly path: string;
  /** It is never longer, except when it was already. */
  readonly bytesMax: number;
  /** It may be missing, and is created then. */
  readonly create: boolean;
}

export class DiskJournalFile implements JournalFile {
  readonly name: string;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #identity: Identity;
  readonly bytesMax: number;
  #allocated: number;

  constructor({ path, bytesMax, create }: JournalFileOptions) {
    this.#descriptor = openSync(path, constants.O_RDWR | (create ? constants.O_CREAT : 0), 0o644);
    this.bytesMax = bytesMax;
    const { dev, ino, size } = fstatSync(this.#descriptor);
    this.name = basename(path);
    this.#path = path;
    this.#identity = { dev, ino };
    this.#allocated = size;
  }

  get size(): number {
    return this.#allocated;
  }

  makeRoom(bytes: number): boolean {
    if (bytes > Math.max(this.bytesMax, this.#allocated)) return false;
    while (bytes > this.#allocated) {
      const zeros = Buffer.alloc(Math.min(GROWTH_BYTES, this.bytesMax - this.#allocated));
      try {
        this.write(zeros, this.#allocated);
      } catch (error) {
        if (isDiskFull(error)) return false;
        throw error;
      }
      this.#allocated += zeros.length;
    }
    return true;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
    }
  }

  async sync(): Promise<void> {
    await fdatasyncAsync(this.#descriptor);
    if (!leadsTo(this.#path, this.#identity)) throw new Error(`${this.#path} was removed, moved or replaced while it was open`);
  }

  read(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = readSync(this.#descriptor, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
