import type { HistoryLine } from "./history-file.js";

/** A connection to a server that is killed may be lost before the end of the server shows; then the call ends without an answer. */
const KILL_NS = 100e6;

/**
 * How many kills came while a call that is wanted was under way: a client had sent it to that process, and had no answer by the
 * time the process had ended.
 *
 * @param lines of all processes, in order
 * @param wanted whether a line begins such a call
 */
export function killsDuring(lines: readonly HistoryLine[], wanted: (line: HistoryLine) => boolean): number {
  /** Calls without an answer, and when they were given up. */
  const open = new Map<number, number>();
  let count = 0;
  for (const line of lines) {
    if (line.type === "restart") open.clear();
    else if (line.type === "crash") {
      if ([...open.values()].some((givenUp) => givenUp > line.ns - KILL_NS)) count++;
    } else if ("outcome" in line) {
      if (line.outcome === "info" && open.has(line.call)) open.set(line.call, line.ns);
      else open.delete(line.call);
    } else if ("call" in line && wanted(line)) open.set(line.call, Number.POSITIVE_INFINITY);
  }
  return count;
}
