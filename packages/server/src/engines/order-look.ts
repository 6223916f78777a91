import { Block } from "../core/block.js";
import type { ChainCensus } from "../core/chains.js";
import { BLOCKED } from "../core/held-message.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Peeked } from "../engine.js";
import type { Entry, Store } from "../store.js";
import { readBitmaps } from "./read-ahead.js";

/** So much of what nobody looked through yet is looked through at least. It is what memory has where there are consumers. */
const LOOKED_BYTES = 384 * 1024;
const BLOCKS_MAX = 4_096;

/**
 * What waits behind others in a queue with an order. The chains know it of what consumers came to; of the log behind that
 * a stretch is looked through, from memory or from the store. What lies beyond is taken for ready. The chains
 * are those of the moment of the question: a purge begins new ones.
 */
export class OrderLook {
  readonly #queue: Queue;
  /** Blocks of the log that follow those in memory, and what tells that they still do, unchanged. */
  readonly #stored: readonly Block[];
  readonly #found: string;

  private constructor(queue: Queue, stored: readonly Block[], found: string) {
    this.#queue = queue;
    this.#stored = stored;
    this.#found = found;
  }

  /**
   * Of a queue without an order there is none.
   *
   * @param caughtUp resolves when what was done up to now is durable
   */
  static async read(queue: Queue, store: Store, caughtUp: () => Promise<void>): Promise<OrderLook | undefined> {
    const { chains } = queue;
    if (chains === undefined) return undefined;
    const found = placeOf(queue);
    // Of a `fifo` queue only a restart makes the log begin before what failed.
    const isWanted = !chains.fifo || queue.recovers;
    const missing = LOOKED_BYTES - queue.windowBytes;
    if (!isWanted || missing <= 0 || queue.windowEnd >= queue.durableLogEnd) return new OrderLook(queue, [], found);
    const from = queue.windowEnd;
    await caughtUp();
    const entries = await store.read({
      from: keys.blockKey(queue.number, from),
      to: keys.blockKey(queue.number, queue.durableLogEnd),
      entriesMax: BLOCKS_MAX,
      bytesMax: missing,
    });
    return new OrderLook(queue, blocksOf(entries, await readBitmaps(store, queue, from, entries)), found);
  }

  /** Counts what waits now. */
  census(now: number): ChainCensus {
    const { chains, heldCount, live, inFlight, delays } = this.#queue;
    if (chains?.fifo === false) {
      const { delayed, parked, blocked } = chains.census(now, heldCount);
      return { delayed, parked: parked + this.parked().size, blocked };
    }
    const waiter = this.waiter(now);
    if (waiter === undefined) return { delayed: 0, parked: 0, blocked: 0 };
    const parked = live - inFlight - delays.count - waiter.before;
    if (waiter.state === "delayed") return { delayed: 1, parked: parked - 1, blocked: 0 };
    return { delayed: 0, parked, blocked: waiter.state === "blocked" ? 1 : 0 };
  }

  /** Ordered by key: messages of the log behind others of their key, those that a consumer came to left out. */
  parked(): Set<number> {
    const parked = new Set<number>();
    const seen = new Set<string>();
    const { chains } = this.#queue;
    if (chains === undefined) return parked;
    for (const { block, index } of this.#log()) {
      const key = chains.keyOf(block.bytes, block.start(index), block.stop(index));
      if (seen.has(key) || chains.find(key)?.isEmpty === false) parked.add(block.first + index);
      else seen.add(key);
    }
    return parked;
  }

  /** Of a `fifo` queue: the first message that does not go on at `now`, and how many may be leased before it. */
  waiter(now: number): Waiter | undefined {
    const { chains } = this.#queue;
    const message = chains?.waiter(now);
    if (chains === undefined || message === undefined) return undefined;
    const { sequence, due } = message;
    let before = chains.countBefore(message);
    if (this.#queue.cursor < sequence) for (const { block, index } of this.#log()) if (block.first + index < sequence) before++;
    const first = due === BLOCKED ? "blocked" : "delayed";
    return { sequence, before, state: before === 0 ? first : "parked" };
  }

  /** Messages of the log that nobody came to, as far as it is looked through. */
  *#log(): Generator<{ readonly block: BlockInMemory; readonly index: number }> {
    const { window, cursor } = this.#queue;
    const stored = placeOf(this.#queue) === this.#found ? this.#stored : [];
    for (const block of [...window, ...stored]) {
      if (!isInMemory(block)) continue;
      for (let index = Math.max(0, cursor - block.first); index < block.count; index++) {
        if (!block.isSettled(index)) yield { block, index };
      }
    }
  }
}

interface Waiter {
  readonly sequence: number;
  readonly before: number;
  readonly state: Extract<Peeked["state"], "delayed" | "blocked" | "parked">;
}

type BlockInMemory = Block & { readonly bytes: Uint8Array };
const isInMemory = (block: Block): block is BlockInMemory => block.bytes !== undefined;

/** Changes when the window does, or when something behind it goes without being leased. */
const placeOf = ({ windowEnd, purgedBelow, counts }: Queue): string => [windowEnd, purgedBelow, counts.dead, counts.expired].join();

function blocksOf(entries: readonly Entry[], bitmaps: readonly Entry[]): Block[] {
  const settled = new Map(bitmaps.map(([key, value]) => [keys.positionOf(key), value]));
  return entries.map(([, value]) => {
    const block = Block.unpack(value);
    const bitmap = settled.get(block.first);
    if (bitmap !== undefined) block.restoreBitmap(bitmap);
    return block;
  });
}
