import { addAbortSignal, type Readable } from "node:stream";
import type { MessageOptions, Receipt } from "holdfast-client";
import { HoldfastError } from "holdfast-client/protocol";
import { CommandError, EXIT, exitCodeOf } from "./exit-codes.js";
import { BadLine, type LineForm, messageOf } from "./line-message.js";
import type { LineWriter } from "./line-writer.js";
import { type Line, readLines } from "./lines.js";
import type { Progress } from "./progress.js";

/** Messages sent and not confirmed. The client sends up to 1,024 of a queue before it waits. */
const OPEN_MESSAGES_MAX = 1_000;
const OPEN_BYTES_MAX = 4_194_304;
/** More than the largest body: a line may have blanks that the body does not. */
const LINE_BYTES_MAX = 1_048_576;

/** Where lines go: a queue, or whatever takes messages as a queue does. */
export interface LineTarget {
  publish(body: unknown, options: MessageOptions): Promise<Receipt>;
}

export interface PublisherOptions extends LineForm {
  /** What happens to a line, for whoever reads how far it came. */
  readonly verb: "published" | "emitted";
  /** Pass over lines that cannot be messages, instead of ending. */
  readonly skipInvalid: boolean;
  /** Where receipts are written, if anywhere. */
  readonly receipts: LineWriter | undefined;
}

/**
 * Publishes lines in their order, reading no further than `OPEN_MESSAGES_MAX` messages beyond what is confirmed.
 *
 * After the first failure it reads no more; what was sent is waited for.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #progress: Progress;
  /** Lines whose message is neither confirmed nor refused, rising. */
  readonly #open = new Set<number>();
  #waitedFor = 0;
  #waitedForBytes = 0;
  #duplicates = 0;
  #skipped = 0;
  #firstSkipped = "";
  #failure: CommandError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: PublisherOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
  }

  /** Resolves once every line is stored. Fails with the first line that cannot be, once the fate of those before is known. */
  async run(target: LineTarget, input: Readable, interrupted: AbortSignal): Promise<void> {
    try {
      await this.#readAll(target, addAbortSignal(interrupted, input));
    } catch (error) {
      if (!interrupted.aborted) throw error;
      this.#failure ??= new CommandError(EXIT.interrupted, "interrupted");
    }
    await this.#until(() => this.#waitedFor === 0);
    if (this.#skipped > 0 && this.#progress.count === 0) {
      this.#failure ??= new CommandError(
        EXIT.badInput,
        `none of ${this.#skipped} lines could be ${this.#options.verb}: ${this.#firstSkipped}`,
      );
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #readAll(target: LineTarget, input: Readable): Promise<void> {
    const canTakeMore = (): boolean => this.#waitedFor < OPEN_MESSAGES_MAX && this.#waitedForBytes < OPEN_BYTES_MAX;
    for await (const lines of readLines(input, LINE_BYTES_MAX)) {
      for (const line of lines) {
        if (!canTakeMore()) await this.#until(() => canTakeMore() || this.#failure !== undefined);
        if (this.#failure !== undefined) return;
        this.#take(target, line);
      }
    }
  }

  #take(target: LineTarget, line: Line): void {
    try {
      if (line.text === undefined) throw new BadLine(line.problem);
      const message = messageOf(line.text, this.#options);
      if (message !== undefined) void this.#publish(target.publish(message.body, message.options), line.number, line.text.length);
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      this.#invalid(`line ${line.number} ${error.message}`, EXIT.badInput);
    }
  }

  async #publish(sent: Promise<Receipt>, line: number, bytes: number): Promise<void> {
    this.#open.add(line);
    this.#waitedFor++;
    this.#waitedForBytes += bytes;
    try {
      const receipt = await sent;
      this.#open.delete(line);
      this.#progress.add(1);
      if (receipt.duplicate) this.#duplicates++;
      await this.#options.receipts?.write(JSON.stringify({ line, ...receipt }));
    } catch (error) {
      this.#failed(line, error);
    }
    this.#waitedFor--;
    this.#waitedForBytes -= bytes;
    this.#wake?.();
  }

  #failed(line: number, error: unknown): void {
    if (!(error instanceof HoldfastError)) {
      this.#failure ??= new CommandError(EXIT.failure, `standard output is closed: ${String(error)}`);
      return;
    }
    if (error.retryable) {
      // Nobody knows whether it was stored: the connection was given up.
      this.#failure ??= new CommandError(exitCodeOf(error.code), `line ${line}: ${error.code} ${error.message}`);
      return;
    }
    this.#open.delete(line);
    const message = `line ${line} was refused: ${error.code} ${error.message}`;
    if (error.code === "TOO_LARGE" || error.code === "BAD_REQUEST") this.#invalid(message, exitCodeOf(error.code));
    else this.#failure ??= new CommandError(exitCodeOf(error.code), message);
  }

  #invalid(message: string, exitCode: CommandError["exitCode"]): void {
    if (!this.#options.skipInvalid) {
      this.#failure ??= new CommandError(exitCode, message);
      return;
    }
    if (this.#skipped++ === 0) this.#firstSkipped = message;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Messages sent and not confirmed. */
  get waiting(): number {
    return this.#waitedFor;
  }

  /** What was done, for the last line. */
  summary(): string {
    const duplicates = this.#duplicates === 0 ? "" : `, ${this.#duplicates} of them stored before`;
    const skipped = this.#skipped === 0 ? "" : `; ${this.#skipped} skipped, first: ${this.#firstSkipped}`;
    return `${this.#progress.summary()}${duplicates}${skipped}`;
  }

  /** `error` with how far it came, so that whoever called knows where to go on. */
  withCounts(error: unknown): CommandError {
    const [first] = this.#open;
    const open = first === undefined ? "" : `, unconfirmed from line ${first} on`;
    const message = error instanceof Error ? error.message : String(error);
    const exitCode =
      error instanceof CommandError ? error.exitCode : error instanceof HoldfastError ? exitCodeOf(error.code) : EXIT.failure;
    return new CommandError(exitCode, `${message} (${this.#progress.count} ${this.#options.verb}${open})`);
  }
}
