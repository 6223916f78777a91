import type { StoredBlock } from "./room-block.js";

/** Of all rooms together, what blocks weigh in memory that were just stored, and those that were read. */
const STORED_BYTES_MAX = 12 * 1024 * 1024;
const READ_BYTES_MAX = 12 * 1024 * 1024;
/** A read brings about as much, or, while there is little space, what one device takes at once. */
const STRETCH_BYTES = 256 * 1024;
const STRETCH_BYTES_SHORT = 64 * 1024;
/** Of what was read so much is kept for each device that is behind. What is kept longer is dead long before it is collected. */
const STRETCHES_KEPT = 2;
const READ_BYTES_MIN = STRETCHES_KEPT * STRETCH_BYTES;

/** Blocks of one room in memory, in order of sequence. */
export class CachedBlocks {
  readonly #blocks: StoredBlock[] = [];

  /** The block that has the sequence. */
  find(sequence: number): StoredBlock | undefined {
    const last = this.#blocks.at(-1);
    // Nearly always it is the newest one.
    const block = last !== undefined && sequence >= last.first ? last : this.#blocks[this.#after(sequence) - 1];
    return block !== undefined && sequence < block.end ? block : undefined;
  }

  /** Puts a block in its place; false when it is there. */
  insert(block: StoredBlock): boolean {
    const at = this.#after(block.first);
    if (this.#blocks[at - 1]?.first === block.first) return false;
    this.#blocks.splice(at, 0, block);
    return true;
  }

  remove(block: StoredBlock): void {
    const at = this.#after(block.first) - 1;
    if (this.#blocks[at] === block) this.#blocks.splice(at, 1);
  }

  values(): IterableIterator<StoredBlock> {
    return this.#blocks.values();
  }

  /** The index of the first block that begins after the sequence. */
  #after(sequence: number): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.first ?? 0) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Blocks of all rooms in memory up to a limit: the one that came first goes first. */
class Kept {
  readonly #order = new Map<StoredBlock, CachedBlocks>();
  #bytes = 0;

  add(blocks: CachedBlocks, block: StoredBlock, bytesMax: number): void {
    if (!blocks.insert(block)) return;
    this.#order.set(block, blocks);
    this.#bytes += block.weight;
    for (const [oldest, owner] of this.#order) {
      if (this.#bytes <= bytesMax || oldest === block) break;
      owner.remove(oldest);
      this.forget(oldest);
    }
  }

  forget(block: StoredBlock): void {
    if (this.#order.delete(block)) this.#bytes -= block.weight;
  }
}

/** Bounds the blocks of all rooms in memory (promise C2). */
export class BlockCache {
  readonly #stored = new Kept();
  readonly #read = new Kept();

  /** Takes a block that was just stored. */
  addStored(blocks: CachedBlocks, block: StoredBlock): void {
    this.#stored.add(blocks, block, STORED_BYTES_MAX);
  }

  /** Takes a block that was read. @param readers devices that are behind */
  addRead(blocks: CachedBlocks, block: StoredBlock, readers: number): void {
    this.#read.add(blocks, block, Math.max(READ_BYTES_MIN, Math.min(READ_BYTES_MAX, readers * STRETCHES_KEPT * STRETCH_BYTES)));
  }

  /** How much a read may bring: of more than there is space for, most would go unused. */
  stretchBytes(readers: number): number {
    return readers * STRETCHES_KEPT * STRETCH_BYTES > READ_BYTES_MAX ? STRETCH_BYTES_SHORT : STRETCH_BYTES;
  }

  /** Lets all blocks of a room go. */
  drop(blocks: CachedBlocks): void {
    for (const block of [...blocks.values()]) {
      blocks.remove(block);
      this.#stored.forget(block);
      this.#read.forget(block);
    }
  }
}
