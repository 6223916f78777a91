import type { Clock } from "../clock.js";
import * as keys from "../core/keys.js";
import type { Queue } from "../core/queue.js";
import type { Store } from "../store.js";

/** Space is given back when this much was drained from a queue, or anything above the lesser amount after a quiet time. */
const DRAINED_BYTES_MAX = 16 * 1024 * 1024;
const DRAINED_BYTES_MIN = 1024 * 1024;
const TICK_MS = 5_000;
/** A longer due list is left alone: to go over all of it costs more than its gaps. */
const DUE_MAX = 10_000;

const ignore = (): void => undefined;

/** Gives the disk back what was drained: one range at a time, and between two at least a pause, so that traffic goes on. */
export class Reclaimer {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Queues with drained bytes, and how many there were when it last looked. */
  readonly #drained = new Map<Queue, number>();
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  /** A look is under way or waits for its turn. */
  #looking = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  note(queue: Queue): void {
    if (queue.drainedBytes < DRAINED_BYTES_MIN) return;
    if (!this.#drained.has(queue)) {
      this.#drained.set(queue, 0);
      this.#arm();
    }
    if (queue.drainedBytes >= DRAINED_BYTES_MAX) this.#lookSoon(DRAINED_BYTES_MAX);
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
    for (const [queue, before] of this.#drained) {
      const bytes = queue.drainedBytes;
      if (bytes < drainedBytesMax && bytes !== before) {
        this.#drained.set(queue, bytes);
        continue;
      }
      this.#drained.delete(queue);
      queue.drainedBytes = 0;
      await this.#reclaim(keys.blockKey(queue.number, 0), keys.blockKey(queue.number, queue.cursor));
      await this.#reclaim(keys.settledKey(queue.number, 0), keys.settledKey(queue.number, queue.cursor));
      const { passed } = queue.delays.horizon;
      if (passed !== undefined) await this.#reclaim(keys.delayedRange(queue.number).from, passed);
      if (queue.dueCount > DUE_MAX) continue;
      for (const { number } of queue.levels.lists) {
        const { from, to } = keys.dueRange(queue.number, number);
        await this.#reclaim(from, to);
      }
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

  /** Deletes a range and gives its space back. */
  async clear(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#next(async () => {
      await this.#store.clear(from, to);
      await this.#reclaim(from, to);
    });
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
