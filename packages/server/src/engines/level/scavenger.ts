import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that pass through the store between two collections; each leaves about three of dead buffers. */
const BYTES_BETWEEN = 2 * 1024 * 1024;
/** What a write or read leaves however small it is: a socket reads into 64 KiB at a time. */
const BYTES_EACH = 64 * 1024;

/** What may grow old between two full collections, in the heap. */
const GROWN_BYTES = 6 * 1024 * 1024;
/**
 * Of a larger heap, as with a thousand clients, a full collection would stop everything for 25 ms and more, and what grew old is a smaller
 * part of it: V8 decides itself, and collects in small steps.
 */
const HEAP_BYTES_MAX = 32 * 1024 * 1024;

/** Where much is alive at any time it would not help to collect again and again: at most a part of the time goes into it. */
const PAUSE_FACTOR = 20;

/** Without options it collects everything. */
type Collect = (options?: { readonly type: "minor" }) => void;

/** V8's own collector, which a process has under the name `gc` when it is started with `--expose-gc`. */
function collector(): Collect | undefined {
  try {
    setFlagsFromString("--expose-gc");
    const gc: unknown = runInNewContext("gc");
    setFlagsFromString("--no-expose-gc");
    return typeof gc === "function" ? (gc as Collect) : undefined;
  } catch {
    return undefined; // Then memory grows by what V8 lets pile up, and nothing else changes.
  }
}

/**
 * Keeps dead buffers from piling up. What goes through a store lies in buffers outside V8's heap: a few small objects
 * there stand for megabytes. V8 looks at them only once 32 MiB have come together, which the process then keeps.
 * Collecting the young generation earlier costs the same work in smaller portions, about 1 ms each.
 *
 * What is in flight for longer than that grows old with its buffers. With large blocks that is little; of messages that
 * were published one by one each has a block. V8 would let the old generation become twice to four times as large
 * before it collects that; here it is done every 6 MiB, about 10 ms each time,
 * and for 5 % of the time at most.
 */
export class Scavenger {
  readonly #collect = collector();
  #bytes = 0;
  #nextFull = 0;
  /** Bytes in use after the last full collection, or less. */
  #lowest = Number.POSITIVE_INFINITY;

  /** Bytes were written or read. */
  passed(bytes: number): void {
    this.#bytes += bytes + BYTES_EACH;
    if (this.#bytes < BYTES_BETWEEN || this.#collect === undefined) return;
    this.#bytes = 0;
    this.#collect({ type: "minor" });
    const used = usedBytes();
    this.#lowest = Math.min(this.#lowest, used);
    const now = performance.now();
    if (used < this.#lowest + GROWN_BYTES || used > HEAP_BYTES_MAX || now < this.#nextFull) return;
    this.#collect();
    this.#lowest = usedBytes();
    const after = performance.now();
    this.#nextFull = after + PAUSE_FACTOR * (after - now);
  }
}

/** Of the heap alone: buffers come and go by tens of MiB where large messages pass, and to collect for them would halve the rate. */
const usedBytes = (): number => getHeapStatistics().used_heap_size;
