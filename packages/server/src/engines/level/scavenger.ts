import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that pass through the store between two collections; each leaves about three of dead buffers. */
const BYTES_BETWEEN = 3 * 1024 * 1024;
/** What a write or read leaves however small it is: a socket reads into 64 KiB at a time. */
const BYTES_EACH = 64 * 1024;

type Collect = (options: { readonly type: "minor" }) => void;

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
 */
export class Scavenger {
  readonly #collect = collector();
  #bytes = 0;

  /** Bytes were written or read. */
  passed(bytes: number): void {
    this.#bytes += bytes + BYTES_EACH;
    if (this.#bytes < BYTES_BETWEEN) return;
    this.#bytes = 0;
    this.#collect?.({ type: "minor" });
  }
}
