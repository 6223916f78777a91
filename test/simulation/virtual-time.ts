import { Heap } from "../../packages/server/src/core/heap.js";

interface Planned {
  readonly us: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

const MS = 1_000;

/**
 * Lets everything run that the last step made runnable: what waits for a tick goes on once no promise has anything left to do.
 * There is nothing else to wait for, because whatever takes time is planned.
 */
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/**
 * Time that moves from one planned event to the next. Everything that takes time is planned here, so the order of a run
 * is a matter of its seed alone; the real event loop only has turns in which nothing else happens.
 */
export class VirtualTime {
  /** Microseconds since the run began. */
  nowUs = 0;
  #order = 0;
  readonly #planned = new Heap<Planned>((a, b) => a.us < b.us || (a.us === b.us && a.order < b.order));

  /** Plans a call `us` microseconds from now, and returns how to take it back. */
  in(us: number, run: () => void): () => void {
    const planned: Planned = { us: this.nowUs + Math.max(0, Math.floor(us)), order: this.#order++, run, cancelled: false };
    this.#planned.push(planned);
    return () => {
      planned.cancelled = true;
    };
  }

  /** Does what is planned for the next `us` microseconds. */
  async run(us: number): Promise<void> {
    const until = this.nowUs + us;
    // What the caller began goes as far as it can before anything else happens.
    await turn();
    for (let next = this.#planned.peek(); next !== undefined && next.us <= until; next = this.#planned.peek()) await this.#step(next);
    this.nowUs = until;
    await turn();
  }

  async #step(next: Planned): Promise<void> {
    this.#planned.pop();
    if (next.cancelled) return;
    this.nowUs = next.us;
    next.run();
    await turn();
  }

  /**
   * Does what is planned until the promise is settled.
   *
   * @throws Error when nothing is planned any more and it is not
   */
  async until<Result>(what: string, promise: Promise<Result>): Promise<Result> {
    const waiting = { over: false };
    const end = (): void => {
      waiting.over = true;
    };
    promise.then(end, end);
    await turn();
    for (let idle = 0; !waiting.over; ) {
      const next = this.#planned.peek();
      if (next === undefined && ++idle > 10) throw new Error(`nothing happens any more, and ${what} is not done`);
      if (next === undefined) await turn();
      else await this.#step(next);
    }
    return promise;
  }
}

/** Milliseconds as microseconds. */
export const ms = (milliseconds: number): number => milliseconds * MS;
