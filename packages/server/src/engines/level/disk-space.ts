import { statSync } from "node:fs";
import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

const MIB = 1024 * 1024;

/** Publishes stop before less than this is free, or what the store says it needs, if that is more. */
const WATERMARK_BYTES = 32 * MIB;
/** Of a small disk only this part is kept free. */
const WATERMARK_PART = 0.5;
/** A file of this size gives way when somebody else fills the disk, so that what is stored can still be settled. */
const RESERVE_BYTES = 8 * MIB;
const RESERVE_FILE = "reserve";

/** Keeps some of the disk for settlements: publishes are refused before it is full, and a reserve gives way when it is. */
export class DiskSpace {
  readonly #directory: string;
  readonly #reserve: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#reserve = join(directory, RESERVE_FILE);
  }

  /**
   * Bytes that may still be written before publishes are to be refused; below 0: none.
   *
   * @param neededBytes what the store may have to write at once to go on
   */
  async spareBytes(neededBytes: number): Promise<number> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    const watermark = Math.min(Math.max(neededBytes, WATERMARK_BYTES), blocks * bsize * WATERMARK_PART);
    const spare = bavail * bsize - watermark;
    if (spare > 2 * RESERVE_BYTES && !this.#reserved) await this.#fill();
    return spare;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#directory);
    return bavail * bsize;
  }

  /** A reserve that was cut short counts as none. */
  get #reserved(): boolean {
    return statSync(this.#reserve, { throwIfNoEntry: false })?.size === RESERVE_BYTES;
  }

  /** Gives the reserve up; it is made again once there is room. */
  async release(): Promise<void> {
    await rm(this.#reserve, { force: true });
  }

  async #fill(): Promise<void> {
    const file = await open(this.#reserve, "w");
    try {
      const zeros = Buffer.alloc(MIB);
      for (let written = 0; written < RESERVE_BYTES; written += MIB) await file.write(zeros);
    } finally {
      await file.close();
    }
  }
}
