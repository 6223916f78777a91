import { HoldfastError } from "holdfast-client/protocol";
import type { Clock } from "../clock.js";
import type { Store, Write } from "../store.js";
import { messageOf } from "./looked.js";
import type { Reclaimer } from "./reclaimer.js";

/** How often the free space is asked for while there are commits. */
const CHECK_MS = 100;
const CHECK_BYTES = 1_048_576;

/** Whether the disk has room for more messages. It is asked while there are commits, and all the time while it is full. */
export class DiskSpace {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #reclaimer: Reclaimer;
  readonly #onChange: (isFull: boolean) => void;
  #isFull = false;
  #isChecking = false;
  #checkedAt = 0;
  /** Bytes committed since then. */
  #bytesSinceCheck = 0;

  /** @param onChange called when messages are refused for want of room, and when they are taken again */
  constructor(store: Store, clock: Clock, reclaimer: Reclaimer, onChange: (isFull: boolean) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#reclaimer = reclaimer;
    this.#onChange = onChange;
  }

  /** As far as is known; consumers go on, which makes room. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Asks the store, when it is time to. */
  async check(): Promise<void> {
    const now = this.#clock.now();
    const due = now >= this.#checkedAt + CHECK_MS || this.#bytesSinceCheck >= CHECK_BYTES;
    if (this.#isChecking || !(due || this.#isFull)) return;
    this.#isChecking = true;
    this.#checkedAt = now;
    this.#bytesSinceCheck = 0;
    try {
      this.#know((await this.#store.spareBytes()) < 0);
      if (this.#isFull) this.#reclaimer.urge();
    } catch {
      // The directory cannot be asked just now; the next write tells.
    } finally {
      this.#isChecking = false;
    }
  }

  /** A commit is on disk. */
  written(writes: readonly Write[]): void {
    for (const { value } of writes) this.#bytesSinceCheck += value?.length ?? 0;
    void this.check();
  }

  /** The store failed: why it did is what is known from now on. */
  storeFailed(cause: unknown): void {
    this.#know(isDiskFull(cause));
  }

  /** The store could not be opened again. */
  openFailed(cause: unknown): void {
    this.#know(this.#isFull || isDiskFull(cause));
  }

  #know(isFull: boolean): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#onChange(isFull);
  }

  /** Fails when there is no room for what is to be stored. */
  assertRoom(): void {
    if (!this.#isFull) return;
    void this.check();
    throw new HoldfastError("DISK_FULL", "the disk has too little space left to store messages; consumers go on");
  }
}

const isDiskFull = (cause: unknown): boolean => /No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/.test(messageOf(cause));
