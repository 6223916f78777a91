import type { Random } from "./fragile-process.js";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** What a file has: in the page cache, and on disk. */
export class FragileContent {
  readonly #random: Random;
  cached = Buffer.alloc(0);
  #durable = Buffer.alloc(0);
  readonly #dirty = new Set<number>();
  /** Only in the cache, which may let go of them: the sync failed that should have written them. */
  readonly #orphaned = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.cached = grown(this.cached, end);
    this.cached.set(bytes, position);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      this.#dirty.add(sector);
      this.#orphaned.delete(sector);
    }
  }

  sync(): void {
    this.#grow(this.cached.length);
    for (const sector of this.#dirty) this.#copy(sector, this.cached, this.#durable);
    this.#dirty.clear();
  }

  /** What could not be written counts as written, as far as the kernel is concerned. */
  failSync(): void {
    for (const sector of this.#dirty) this.#orphaned.add(sector);
    this.#dirty.clear();
  }

  /** Any of the orphaned sectors are read from the disk again. */
  evict(): void {
    const chance = this.#random();
    // Only the cache knows yet that the file grew: what lies past its end on disk is read as zeros.
    const onDisk = grown(this.#durable, this.cached.length);
    for (const sector of this.#orphaned) {
      if (this.#random() >= chance) continue;
      this.#copy(sector, onDisk, this.cached);
      this.#orphaned.delete(sector);
    }
  }

  cutPower(): void {
    const size =
      this.#durable.length + Math.round((this.#random() * (this.cached.length - this.#durable.length)) / SECTOR_BYTES) * SECTOR_BYTES;
    this.#grow(size);
    const chance = Math.floor(this.#random() * 5) / 4;
    for (const sector of this.#dirty) if (this.#random() < chance) this.#copy(sector, this.cached, this.#durable);
    this.#dirty.clear();
    this.#orphaned.clear();
    this.cached = Buffer.from(this.#durable);
  }

  #grow(size: number): void {
    this.#durable = grown(this.#durable, size);
  }

  #copy(sector: number, from: Buffer, to: Buffer): void {
    from.copy(to, sector * SECTOR_BYTES, sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  }
}

const grown = (content: Buffer<ArrayBuffer>, size: number): Buffer<ArrayBuffer> =>
  size > content.length ? Buffer.concat([content, Buffer.alloc(size - content.length)]) : content;
