import type { HistoryEvent } from "../history.js";
import type { Report } from "./violation.js";

/** Judges what was on disk by itself. C1. */
export function checkStored(history: readonly HistoryEvent[], report: Report): void {
  for (const [index, event] of history.entries()) {
    if (event.type === "examined") for (const finding of event.findings) report.add("counts", `on disk, ${finding}`, index);
  }
}
