import { checkAttempts } from "./checker/attempts.js";
import { checkContents } from "./checker/contents.js";
import { Copies } from "./checker/copy.js";
import { checkCounts } from "./checker/counts.js";
import { endingsOf } from "./checker/fate.js";
import { endLaterLeases } from "./checker/fifo.js";
import { checkFifoOrder } from "./checker/fifo-order.js";
import { checkLeases } from "./checker/leases.js";
import { checkKeyOrder } from "./checker/order.js";
import { checkPauses } from "./checker/pauses.js";
import { checkPlaces } from "./checker/places.js";
import { checkPoison } from "./checker/poison.js";
import { checkRedriveOrder } from "./checker/redrives.js";
import { checkReplies } from "./checker/replies.js";
import { checkRooms } from "./checker/rooms/index.js";
import { Run } from "./checker/run.js";
import { checkSchedules } from "./checker/schedules.js";
import { checkStarved } from "./checker/starved.js";
import { checkStored } from "./checker/stored.js";
import { checkTimes } from "./checker/times.js";
import { checkVerdicts } from "./checker/verdicts.js";
import { Report, type Violation } from "./checker/violation.js";
import type { HistoryEvent } from "./history.js";

export { tally, vacuous } from "./checker/vacuous.js";
export type { Violation, ViolationKind } from "./checker/violation.js";

/**
 * Judges a history by the promises of DESIGN.md, sections 1 to 3, and by nothing else: it knows no engine and no model.
 *
 * Whatever a call of unknown outcome or a crash leaves open is taken as the engine needs it, so every violation is
 * proved by the history. Sorted passes, no search: O(n log n), with a factor for what one message went through.
 *
 * @param history what happened, in order
 * @returns what broke a promise; empty when nothing did
 * @throws Error when the history itself is malformed: out of order, or an answer to no call
 */
export function check(history: readonly HistoryEvent[]): Violation[] {
  const report = new Report();
  const run = new Run(history);
  const copies = new Copies(run, report);
  endLaterLeases(copies);
  const fates = new Map(copies.all.map((copy) => [copy, endingsOf(run, copy)]));
  checkVerdicts(run, copies, report);
  checkContents(copies, report);
  checkLeases(run, copies, report);
  checkAttempts(run, copies, report);
  checkTimes(run, copies, report);
  checkPauses(run, copies, report);
  checkKeyOrder(run, copies, fates, report);
  checkFifoOrder(run, copies, fates, report);
  checkPoison(run, copies, report);
  checkPlaces(run, copies, fates, report);
  checkRedriveOrder(run, copies, report);
  checkStarved(run, report);
  checkCounts(run, copies, fates, report);
  checkRooms(history, run, copies, report);
  checkSchedules(history, run, report);
  checkReplies(history, run, report);
  checkStored(history, report);
  return report.violations;
}
