import type { ScannedMessage } from "../history.js";
import type { QueueRun } from "./queue-run.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** Judges what a drained queue still has: nothing that could have come, except behind a blocked key. O4, L5. */
export function checkStarved(run: Run, report: Report): void {
  const lifeStart = run.lives.at(-1)?.start ?? -1;
  for (const queue of run.queues.values()) {
    const { drained, scan } = queue;
    if (drained === undefined || scan === undefined || drained.index < lifeStart) continue;
    const holding = scan.messages.filter((message) => isHolding(queue, message));
    const held = new Set(holding.map((message) => lineOf(queue, message)));
    for (const message of scan.messages) {
      const waits = message.state === "ready" || message.state === "parked";
      // What is far behind in a held line may be shown as ready.
      if (!waits || held.has(lineOf(queue, message)) || mayHaveDiedLate(run, message)) continue;
      const text = `queue ${queue.name} id ${message.id} sequence ${message.sequence} is ${message.state}, and never came`;
      report.add("starved", text, drained.index, scan.index);
    }
  }
}

const lineOf = (queue: QueueRun, { key }: ScannedMessage): string | undefined => (queue.settings.ordering === "key" ? key : "");

/** When the clock went back a message may expire after its dead-letter queue was drained. */
const mayHaveDiedLate = (run: Run, { reason }: ScannedMessage): boolean => reason === "expired" && run.timeline.wentBack;

/** A blocked message, or one that waits for its time, holds its key. */
function isHolding({ settings }: QueueRun, { state, attempts }: ScannedMessage): boolean {
  if (settings.ordering === "none") return false;
  return state === "delayed" || state === "blocked" || (!settings.always("dead-letter") && attempts >= settings.maxAttemptsMin);
}
