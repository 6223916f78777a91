import { createWriteStream } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * Standard output as something whose callback can be believed. For a file, `process.stdout` takes a short write (the
 * disk is full) for a whole one; a file stream writes the rest or fails.
 */
export function openStdout(): Writable {
  if (process.stdout instanceof Socket) return process.stdout;
  return createWriteStream("", { fd: 1, autoClose: false });
}

/**
 * Writes lines and tells when they are written: handed to the operating system, not merely buffered here.
 *
 * Lines of one turn, and those that come while a write is under way, share the next write and its promise.
 */
export class LineWriter {
  readonly #stream: Writable;
  #lines: string[] = [];
  #batch: PromiseWithResolvers | undefined;
  #writing = false;
  #error: Error | undefined;
  readonly #onError: (error: Error) => void;

  /** @param onBroken called once, when the output takes no more */
  constructor(stream: Writable, onBroken: (error: Error) => void) {
    this.#stream = stream;
    this.#onError = (error) => {
      if (this.#error !== undefined) return;
      this.#error = error;
      onBroken(error);
    };
    stream.on("error", this.#onError);
  }

  /** Resolves once the line is written; rejects when the output is broken. */
  write(line: string): Promise<void> {
    this.#lines.push(line);
    this.#batch ??= withResolvers();
    const { promise } = this.#batch;
    if (this.#lines.length === 1 && !this.#writing) setImmediate(() => this.#flush());
    return promise;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    const text = `${this.#lines.join("\n")}\n`;
    this.#lines = [];
    this.#batch = undefined;
    if (this.#error !== undefined) {
      batch.reject(this.#error);
      return;
    }
    this.#writing = true;
    this.#stream.write(text, (error) => {
      this.#writing = false;
      if (error) {
        this.#onError(error);
        batch.reject(error);
      } else batch.resolve();
      this.#flush();
    });
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  // Whoever wrote sees the failure; without anyone waiting it must not end the process.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
