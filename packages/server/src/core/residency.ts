import { NumberedMap } from "../numbered-map.js";
import type { Block } from "./block.js";

/** Bytes of blocks that memory keeps for what is in flight, before the oldest are let go and read again when needed. */
const RESIDENT_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of blocks that one queue's window takes from its own publishers without a read. */
const WINDOW_BYTES_MAX = 512 * 1024;
/** The same, of blocks that waited for their time: they come as consumers take them, so all that come are taken. */
const PROMOTED_BYTES_MAX = 4 * 1024 * 1024;
/** A read fills a window with about this much, or, when memory is short, with one block. */
const FILL_BYTES = 512 * 1024;
const FILL_BYTES_SHORT = 1;

/** Bounds the bytes of blocks in memory, over all queues (promise C2). */
export class Residency {
  #bytes = 0;
  /** Blocks that were leased to the end, oldest first. */
  readonly #passed = new NumberedMap<Block>();
  #passes = 0;

  /** Whether a block that was just stored may stay in memory for a window that holds `windowBytes`. */
  admits(windowBytes: number, promoted: boolean): boolean {
    return windowBytes < (promoted ? PROMOTED_BYTES_MAX : WINDOW_BYTES_MAX) && this.#bytes < 2 * RESIDENT_BYTES_MAX;
  }

  /** How much a window may read: little, and only when it is empty, while memory is short. */
  fillBytes(empty: boolean): number {
    if (this.#bytes < RESIDENT_BYTES_MAX) return FILL_BYTES;
    return empty ? FILL_BYTES_SHORT : 0;
  }

  /** Counts a block of a window, once. */
  add(block: Block): void {
    if (block.isCounted) return;
    block.isCounted = true;
    this.#bytes += block.size;
  }

  /** The block has nothing left to lease; its bytes are only for a settlement that needs them. */
  pass(block: Block): void {
    if (block.passed !== 0) return;
    block.passed = ++this.#passes;
    this.#passed.set(block.passed, block);
    for (let oldest = this.#passed.first; oldest !== undefined && oldest !== block; oldest = this.#passed.first) {
      if (this.#bytes <= RESIDENT_BYTES_MAX) break;
      this.remove(oldest);
      oldest.evict();
    }
  }

  /** The block was written anew, smaller. */
  shrunk(block: Block, bytesBefore: number): void {
    if (block.isCounted) this.#bytes -= bytesBefore - block.size;
  }

  remove(block: Block): void {
    this.#passed.delete(block.passed);
    block.passed = 0;
    if (!block.isCounted) return;
    block.isCounted = false;
    this.#bytes -= block.size;
  }
}
