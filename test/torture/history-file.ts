import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { HistoryEntry } from "../simulation/history-log.js";

/** What a process writes down of itself, besides what it sees of the server. */
export type ProcessNote =
  /** It stood still until about now, so a server may have taken its consumers for lost. */
  | { readonly type: "stalled" }
  /**
   * The server's side is over of the connection that it had between `sinceNs` and `untilNs`; it may see that later, or have seen it before.
   * Since `deafNs` nothing came through.
   */
  | { readonly type: "connection-lost"; readonly sinceNs: number; readonly untilNs: number; readonly deafNs: number }
  /** The server said, in its answer to `event`, that its store failed: of what it did not confirm by then nobody knows. */
  | { readonly type: "engine-failed"; readonly event: string; readonly code: string }
  /** The clocks of servers that are started from now on are so far ahead of the machine's. */
  | { readonly type: "clock-set"; readonly aheadMs: number };

/**
 * One line of a history file: what `process` did or saw, `ns` after the machine started.
 *
 * A call is two lines, when it was invoked and when it was done, joined by its number: of a process that dies between the
 * two what it began is known. The clock is one for all processes of the machine, and nobody can set it.
 */
export type HistoryLine = { readonly process: string; readonly ns: number } & (HistoryEntry | ProcessNote);

/** Nanoseconds of the machine's clock; exact enough as a number for 100 days. */
export const nowNs = (): number => Number(process.hrtime.bigint());

/** Takes down what one process did and saw, line by line, so that a crash of the process loses none of it. */
export class HistoryFile {
  readonly #process: string;
  readonly #descriptor: number;

  constructor(path: string, name: string) {
    this.#process = name;
    this.#descriptor = openSync(path, "a");
  }

  /** @param ns when it was, if not now */
  add(entry: HistoryEntry | ProcessNote, ns = nowNs()): void {
    writeSync(this.#descriptor, `${JSON.stringify({ process: this.#process, ns, ...entry })}\n`);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Reads a history file. */
export const readLines = (path: string): HistoryLine[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as HistoryLine);
