import type { Socket } from "node:net";
import type { Clock } from "../../../packages/server/src/clock.js";

/** How chunks are passed on. */
export type Passing =
  | { readonly how: "at once" }
  /** @property holdMs for how long the next chunk is held back */
  | { readonly how: "late"; holdMs(): number }
  | { readonly how: "dripping"; readonly bytes: number; readonly everyMs: number }
  /** The next chunk in part, and nothing after it. */
  | { readonly how: "in part"; readonly part: number }
  | { readonly how: "not at all" };

interface Chunk {
  readonly bytes: Buffer;
  /** It is not passed on before. */
  readonly dueAt: number;
}

const nothing = (): void => {};

/** What flows from one socket to another: bytes in their order, then the end. */
export class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #chunks: Chunk[] = [];
  #passing: Passing = { how: "at once" };
  #onEffect = nothing;
  #cancel = nothing;
  #ended = false;

  constructor(from: Socket, to: Socket, clock: Clock) {
    this.#from = from;
    this.#to = to;
    this.#clock = clock;
    from.setNoDelay(true);
    from.on("error", nothing);
    from.on("data", (bytes) => this.#take(bytes));
    from.on("close", () => {
      this.#ended = true;
      this.#step();
    });
    to.on("drain", () => from.resume());
  }

  /**
   * Passes on in another way from now on; what was held back before keeps its time.
   *
   * @param onEffect called when the first chunk came to feel it
   */
  become(passing: Passing, onEffect = nothing): void {
    this.#passing = passing;
    this.#onEffect = onEffect;
    // What waited for the other side to read is not to keep this side from being read.
    if (passing.how === "not at all") this.#from.resume();
    this.#step();
  }

  /** Drops what is held back, and passes nothing on any more. */
  end(): void {
    this.become({ how: "not at all" });
    this.#cancel();
    this.#chunks.length = 0;
  }

  #take(bytes: Buffer): void {
    const holdMs = this.#passing.how === "late" ? this.#passing.holdMs() : 0;
    this.#chunks.push({ bytes, dueAt: this.#clock.now() + holdMs });
    this.#step();
  }

  /** Passes on what may be, and comes back for the rest. */
  #step = (): void => {
    this.#cancel();
    this.#cancel = nothing;
    for (let [chunk] = this.#chunks; chunk !== undefined; [chunk] = this.#chunks) {
      const at = chunk.dueAt > this.#clock.now() ? chunk.dueAt : this.#pass(chunk);
      if (at === undefined) continue;
      if (this.#passing.how === "late") this.#takeEffect();
      this.#cancel = this.#clock.wakeAt(at, this.#step);
      return;
    }
    if (this.#ended && this.#passing.how !== "not at all") this.#to.destroySoon();
  };

  /** Passes on a chunk or a part of it; gives when to go on, if not at once. */
  #pass({ bytes }: Chunk): number | undefined {
    const passing = this.#passing;
    this.#chunks.shift();
    switch (passing.how) {
      case "at once":
      case "late":
        this.#write(bytes);
        return undefined;
      case "dripping": {
        this.#write(bytes.subarray(0, passing.bytes));
        if (bytes.length <= passing.bytes) return undefined;
        const dueAt = this.#clock.now() + passing.everyMs;
        this.#chunks.unshift({ bytes: bytes.subarray(passing.bytes), dueAt });
        this.#takeEffect();
        return dueAt;
      }
      case "in part":
        this.#write(bytes.subarray(0, Math.floor(bytes.length * passing.part)));
        this.#passing = { how: "not at all" };
        this.#takeEffect();
        return undefined;
      case "not at all":
        this.#takeEffect();
        return undefined;
      default:
        return passing satisfies never;
    }
  }

  #takeEffect(): void {
    const effect = this.#onEffect;
    this.#onEffect = nothing;
    effect();
  }

  #write(bytes: Buffer): void {
    if (this.#to.writable && !this.#to.write(bytes)) this.#from.pause();
  }
}
