import type { Clock } from "../clock.js";
import type { LogState } from "../core/log-state.js";
import type { KeyRange, Store } from "../store.js";

/** Space is given back when this much was drained from a queue or a room, or anything above the lesser amount after a quiet time. */
const DRAINED_BYTES_MAX = 8 * 1024 * 1024;
const DRAINED_BYTES_MIN = 1024 * 1024;
const TICK_MS = 5_000;

const ignore = (): void => undefined;

/** Gives the disk back what was drained: one range at a time, and between two at least a pause, so that traffic goes on. */
export class Reclaimer {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Queues and rooms with drained bytes, and how many there were when it last looked. */
  readonly #drained = new Map<LogState, number>();
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  /** A look is under way or waits for its turn. */
  #looking = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  note(log: LogState): void {
    if (log.drainedBytes < DRAINED_BYTES_MIN) return;
    if (!this.#drained.has(log)) {
      this.#drained.set(log, 0);
      this.#arm();
    }
    if (log.drainedBytes >= DRAINED_BYTES_MAX) this.#lookSoon(DRAINED_BYTES_MAX);
  }

  #arm(): void {
    this.#cancel ??= this.#clock.wakeAt(this.#clock.now() + TICK_MS, () => {
      this.#cancel = undefined;
      void this.#next(() => this.#look(DRAINED_BYTES_MAX)).catch(ignore);
    });
  }

  /** The disk is full: whatever was drained is given back now. */
  urge(): void {
    if (this.#drained.size > 0) this.#lookSoon(0);
  }

  #lookSoon(drainedBytesMax: number): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.#next(() => this.#look(drainedBytesMax))
      .catch(ignore)
      .finally(() => {
        this.#looking = false;
      });
  }

  async #look(drainedBytesMax: number): Promise<void> {
    for (const [log, before] of this.#drained) {
      const bytes = log.drainedBytes;
      if (bytes < drainedBytesMax && bytes !== before) {
        this.#drained.set(log, bytes);
        continue;
      }
      this.#drained.delete(log);
      log.drainedBytes = 0;
      for (const { from, to } of log.drainedRanges()) await this.#reclaim(from, to);
    }
    if (this.#drained.size > 0) this.#arm();
  }

  /** Only advice to the store: a failure shows with the next commit. */
  async #reclaim(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#store.reclaim(from, to).catch(ignore);
  }

  /** Runs a task when those before it are over, whatever became of them. */
  #next(task: () => Promise<void>): Promise<void> {
    const run = this.#running.then(task);
    this.#running = run.catch(ignore);
    return run;
  }

  /** Deletes ranges and gives their space back. */
  async clear(...ranges: readonly KeyRange[]): Promise<void> {
    await this.#next(() => this.#store.clear(ranges));
  }

  /** Starts nothing more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#drained.clear();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }
}
