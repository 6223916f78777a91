import { HoldfastError } from "holdfast-client/protocol";
import { Block } from "./block.js";
import { NumberedMap } from "../numbered-map.js";
import type { CommitBuilder } from "./commit.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import type { Residency } from "./residency.js";
import type { CoreContext } from "./transitions.js";

/** A block is left alone for so long: most are settled whole soon after, and cost nothing then. */
const PATIENCE_MS = 5_000;
/** Bytes of settled records that may lie in such blocks before; less than memory keeps, so that no block need be read. */
const DEAD_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of blocks that one commit rewrites, about. */
const COMMIT_BYTES = 4 * 1024 * 1024;

interface Candidate {
  readonly queue: Queue;
  readonly block: Block;
  /** When it was first seen; Infinity until the next look. */
  since: number;
  /** As counted in the sum. */
  deadBytes: number;
}

/**
 * Keeps live messages at half of what the log stores, or more: a block that was leased to the end and has few survivors
 * is written anew without what is settled. Each time it shrinks by near half or more, so that all rewriting of a block
 * together costs little more than storing it did.
 */
export class Compactor {
  readonly #commit: CommitBuilder;
  readonly #residency: Residency;
  readonly #context: CoreContext;
  /** The longest known first. */
  readonly #candidates = new NumberedMap<Candidate>();
  #found = 0;
  #unseen: Candidate[] = [];
  #deadBytes = 0;
  #due = false;

  constructor(commit: CommitBuilder, residency: Residency, context: CoreContext) {
    this.#commit = commit;
    this.#residency = residency;
    this.#context = context;
  }

  /** A message of the block was settled, or its last one leased. */
  consider(queue: Queue, block: Block): void {
    const known = this.#candidates.get(block.candidate);
    if (known === undefined) {
      // Only what memory knows as the queue's may change its form.
      if (!block.isSparse || queue.cursor < block.end || queue.blocks.get(block.first) !== block) return;
      const candidate = { queue, block, since: Number.POSITIVE_INFINITY, deadBytes: block.deadBytes };
      block.candidate = ++this.#found;
      this.#candidates.set(block.candidate, candidate);
      this.#unseen.push(candidate);
      this.#deadBytes += block.deadBytes;
      return;
    }
    this.#deadBytes += block.deadBytes - known.deadBytes;
    known.deadBytes = block.deadBytes;
  }

  /** The block is gone. */
  forget(block: Block): void {
    if (block.candidate === 0) return;
    this.#deadBytes -= this.#candidates.get(block.candidate)?.deadBytes ?? 0;
    this.#candidates.delete(block.candidate);
    block.candidate = 0;
  }

  /** When `look` is to be called next. */
  get next(): number | undefined {
    if (this.#due) return undefined;
    const oldest = this.#candidates.first;
    return oldest && oldest.since + PATIENCE_MS;
  }

  /** Whether a commit is wanted, for `run` to be called. */
  get isDue(): boolean {
    return this.#due;
  }

  look(now: number): void {
    const oldest = this.#candidates.first;
    this.#due = oldest !== undefined && oldest.since + PATIENCE_MS <= now;
  }

  /** Rewrites what has waited for long enough, or is too much, as part of the commit that is about to be sealed. */
  run(now: number): void {
    for (const candidate of this.#unseen) candidate.since = now;
    this.#unseen = [];
    let left = COMMIT_BYTES;
    for (const { queue, block, since } of this.#candidates.values()) {
      if (left <= 0 || (since + PATIENCE_MS > now && this.#deadBytes <= DEAD_BYTES_MAX)) break;
      left -= block.size;
      this.#rewrite(queue, block);
    }
    this.look(now);
  }

  /** Rewrites all that could be: nobody will later. */
  finish(): void {
    for (const { queue, block } of this.#candidates.values()) this.#rewrite(queue, block);
    this.#due = false;
  }

  #rewrite(queue: Queue, block: Block): void {
    this.forget(block);
    const { size: before, expiryTimes } = block;
    const bytes = block.compact(block.bytes === undefined ? this.#stored(queue, block) : block);
    this.#residency.shrunk(block, before);
    queue.drainedBytes += before - block.size;
    this.#commit.write(keys.blockKey(queue.number, block.first), bytes);
    for (const at of expiryTimes) {
      if (!block.expiryTimes.includes(at)) this.#commit.removeExpiry(queue, at, keys.EXPIRES_IN.block, block.first);
    }
    if (block.hasMarks) queue.dirtyBlocks.set(block.first, block);
    else {
      queue.dirtyBlocks.delete(block.first);
      if (block.settledStored) this.#commit.write(keys.settledKey(queue.number, block.first), undefined);
      block.settledStored = false;
    }
    this.#commit.touch(queue);
  }

  /** The block as the store has it, which may be a form before that of memory. Damage is found, not copied. */
  #stored(queue: Queue, block: Block): Block {
    const bytes = this.#context.get(keys.blockKey(queue.number, block.first));
    if (bytes === undefined) throw new HoldfastError("ENGINE_UNAVAILABLE", `stored block ${queue.number}/${block.first} is missing`);
    return Block.unpack(bytes);
  }
}
