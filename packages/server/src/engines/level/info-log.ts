import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";

const BYTES_MAX = 1_048_576;
/** Calls of the store between two looks; each call adds a few lines at most. */
const CALLS_A_LOOK = 256;

/**
 * The file in which LevelDB tells what it does, line by line, while it is open: tens of megabytes a day of a busy server, which nobody
 * reads. It is emptied now and then; LevelDB appends to whatever there is.
 */
export class InfoLog {
  readonly #path: string;
  #calls = 0;

  /** @param directory of the store */
  constructor(directory: string) {
    this.#path = join(directory, "LOG");
  }

  /** The store was asked for something that may be told of. */
  async called(): Promise<void> {
    if (++this.#calls % CALLS_A_LOOK !== 0) return;
    try {
      if ((await stat(this.#path)).size > BYTES_MAX) await truncate(this.#path);
    } catch {
      // Nothing depends on it; the next look tries again.
    }
  }
}
