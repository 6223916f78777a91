import type { HistoryEvent } from "../history.js";
import type { Replies } from "../reply-history.js";
import { mayHaveHappened } from "./calls.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** A reply queue that nobody consumes stays for at least so long, within one life. */
const STAYS_MS = 590_000;

/** Judges whether each death of a message that asked for an answer left one, in the same commit: D1. */
export function checkReplies(events: readonly HistoryEvent[], run: Run, report: Report): void {
  for (const event of events) {
    if (event.type === "replies") checkAnswers(event, longestLifeMs(events), run, report);
    else if (event.type === "replies-gone" && !event.gone)
      report.add("answers", "the reply queue of orders is still there, and nobody consumes it", event.index);
  }
}

function checkAnswers({ of, published, answers, index }: Replies, longestMs: number, run: Run, report: Report): void {
  const name = `the reply queue of ${of.join(", ")}`;
  if (published === undefined) {
    if (longestMs < STAYS_MS) report.add("answers", `${name} is gone before its time`, index);
    return;
  }
  const deaths = deathsOf(of, run);
  if (deaths !== published) report.add("answers", `${name} had ${published} answers, and ${deaths} messages died`, index);
  for (const { correlationId, id, reason } of answers) {
    const asked = run.publishes.list.some((call) => call.invoked.id === id && of.includes(call.invoked.queue) && mayHaveHappened(call));
    if (!asked || correlationId !== id)
      report.add("answers", `${name} says that ${id} died (${reason}), as an answer to ${correlationId}`, index);
  }
}

/** Also of dead letters that die once more. */
function deathsOf(queues: readonly string[], run: Run): number {
  const all = new Set(queues.flatMap((queue) => [queue, ...run.queue(queue).settings.deadLetters]));
  return [...all].reduce((sum, name) => {
    const { dead = 0, expired = 0 } = run.queue(name).stats?.counts ?? {};
    return sum + dead + expired;
  }, 0);
}

function longestLifeMs(events: readonly HistoryEvent[]): number {
  let [start, longest] = [0, 0];
  for (const { type, at } of events) {
    if (type === "restart") start = at;
    else longest = Math.max(longest, at - start);
    if (type === "replies") break;
  }
  return longest;
}
