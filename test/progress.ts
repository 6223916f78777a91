const PERIOD_MS = 60_000;

/** Says how far long work is: on a terminal in one line, over what it said before, and elsewhere by a line a minute. */
export class Progress {
  #told = performance.now();

  tell(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
    else if (performance.now() - this.#told >= PERIOD_MS) {
      this.#told = performance.now();
      process.stderr.write(`${text}\n`);
    }
  }

  /** Makes way for what came of it. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}
