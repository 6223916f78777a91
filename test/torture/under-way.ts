import type { HistoryLine } from "./history-file.js";

/**
 * How many kills came while a call that is wanted was under way: a client had sent it to that process, and had no answer by the
 * time the process had ended.
 *
 * @param lines of all processes, in order
 * @param wanted whether a line begins such a call
 */
export function killsDuring(lines: readonly HistoryLine[], wanted: (line: HistoryLine) => boolean): number {
  const open = new Set<number>();
  let count = 0;
  for (const line of lines) {
    if (line.type === "restart") open.clear();
    else if (line.type === "crash") {
      if (open.size > 0) count++;
    } else if ("outcome" in line) open.delete(line.call);
    else if ("call" in line && wanted(line)) open.add(line.call);
  }
  return count;
}
