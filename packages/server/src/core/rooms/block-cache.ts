import type { StoredBlock } from "./room-block.js";

/** Of all rooms together, what each block weighs in memory. */
const CACHED_BYTES_MAX = 24 * 1024 * 1024;
/** A read brings about as much, or, while there is little space, what one device takes at once. */
const STRETCH_BYTES = 256 * 1024;
const STRETCH_BYTES_SHORT = 64 * 1024;

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

/** Bounds the blocks of all rooms in memory (promise C2): the one that came first goes first. */
export class BlockCache {
  readonly #order = new Map<StoredBlock, CachedBlocks>();
  #bytes = 0;

  add(blocks: CachedBlocks, block: StoredBlock): void {
    if (!blocks.insert(block)) return;
    this.#order.set(block, blocks);
    this.#bytes += block.weight;
    for (const [oldest, owner] of this.#order) {
      if (this.#bytes <= CACHED_BYTES_MAX || oldest === block) break;
      owner.remove(oldest);
      this.#forget(oldest);
    }
  }

  /** How much a read may bring: of more than there is space for, most would go unused. */
  get stretchBytes(): number {
    return this.#bytes > CACHED_BYTES_MAX / 2 ? STRETCH_BYTES_SHORT : STRETCH_BYTES;
  }

  /** Lets all blocks of a room go. */
  drop(blocks: CachedBlocks): void {
    for (const block of [...blocks.values()]) {
      blocks.remove(block);
      this.#forget(block);
    }
  }

  #forget(block: StoredBlock): void {
    if (this.#order.delete(block)) this.#bytes -= block.weight;
  }
}
