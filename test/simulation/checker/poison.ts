import type { DeathReason } from "../history.js";
import { standingAfter } from "./attempts.js";
import { mayHaveHappened } from "./calls.js";
import type { Copies, Copy } from "./copy.js";
import type { Lease } from "./lease.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

type Cause = DeathReason;

/** Judges who is dead and who is not: O3. */
export function checkPoison(run: Run, copies: Copies, report: Report): void {
  for (const { copies: all } of copies.identities.values()) {
    for (const copy of all) {
      checkRejected(copy, report);
      if (copy.scanned !== undefined) checkAlive(copy, report);
      if (copy.queue.origins.length > 0) checkDead(run, copy, all, report);
    }
  }
}

/** A message that was rejected does not come again, neither now nor later. */
function checkRejected(copy: Copy, report: Report): void {
  for (const [at, lease] of copy.leases.entries()) {
    const next = copy.leases[at + 1];
    const rejected = lease.enders.find(({ how, proven }) => how === "reject" && proven);
    if (rejected !== undefined && next !== undefined && rejected.from < next.delivery.index)
      report.add("poison", `${lease} was rejected, and came as token ${next.key}`, rejected.from, next.delivery.index);
  }
}

/** What is stored must not be out of attempts, unless its queue blocks. After a crash it may be found out only when somebody consumes. */
function checkAlive(copy: Copy, report: Report): void {
  const { lastLease: lease, queue } = copy;
  if (lease === undefined || queue.origins.length > 0) return;
  const rejected = lease.enders.find(({ how, proven }) => how === "reject" && proven);
  if (rejected !== undefined) report.add("poison", `${lease} was rejected, and is stored`, rejected.from, queue.scan?.index ?? -1);
  const failed = lease.possibleEnders().find(({ sure, counts }) => counts === "yes" && sure < (queue.scan?.index ?? 0));
  const out = lease.delivery.attempt >= queue.settings.maxAttemptsMax && queue.settings.always("dead-letter");
  const surely = failed !== undefined && lease.possibleEnders().every(({ counts, how }) => counts === "yes" && how !== "ack");
  if (out && surely && failed.how !== "reject" && lease.lifeEnd === Number.POSITIVE_INFINITY)
    report.add("poison", `${lease} was its last attempt, and it is stored`, failed.from, queue.scan?.index ?? -1);
}

/** A dead letter must have had a cause in the queue it is from, and the one it names. */
function checkDead(run: Run, dead: Copy, copies: readonly Copy[], report: Report): void {
  const first = dead.firstSeen;
  if (first === Number.POSITIVE_INFINITY || dead.published !== undefined) return;
  if (dead.identity.publishes.some(({ invoked }) => invoked.queue === dead.queue.name)) return;
  const causes = causesOf(run, dead, copies, first);
  const { reason } = dead.scanned ?? {};
  if (causes.size === 0) report.add("poison", `${dead} is dead without a cause`, first);
  else if (reason !== undefined && !causes.has(reason) && !causes.has("skipped"))
    report.add("poison", `${dead} is dead as ${reason}, expected ${[...causes].join(" or ")}`, first);
}

function causesOf(run: Run, dead: Copy, copies: readonly Copy[], before: number): Set<Cause> {
  const causes = new Set<Cause>();
  for (const origin of dead.queue.origins) {
    const ofOrigin = copies.filter(({ queue }) => queue === origin);
    const leases = ofOrigin.flatMap((copy) => copy.leases).filter(({ delivery }) => delivery.index < before);
    if (leases.some(({ enders }) => enders.some(({ how, from }) => how === "reject" && from < before))) causes.add("rejected");
    const max = origin.settings.maxAttemptsMin;
    const unseen = max !== Number.POSITIVE_INFINITY && origin.slipAfter(-1, max) < before;
    if (origin.settings.mayOverflow) causes.add("overflow");
    const blocks = origin.settings.always("block");
    if (!blocks && (unseen || leases.some((lease) => isOut(lease, max, before)))) causes.add("attempts");
    if (origin.keyActionsOf("skip", dead.key).length > 0) causes.add("skipped");
  }
  // With a redrive the time to live begins anew.
  const redrives = dead.queue.origins.flatMap((origin) => origin.redrives.filter(mayHaveHappened));
  const expires = dead.identity.publishes.some((call) =>
    [call, ...redrives].some(({ invoked, doneIndex }) => run.timeline.expiresFrom(call.invoked.ttlMs, invoked.index, doneIndex) <= before),
  );
  if (expires) causes.add("expired");
  return causes;
}

/** Whether the lease may have been its message's last. */
function isOut(lease: Lease, max: number, before: number): boolean {
  if (max === Number.POSITIVE_INFINITY || lease.mayEnd >= before) return false;
  const { most, from } = standingAfter(lease, before, undefined);
  return most + lease.copy.queue.slipsBetween(from, before) >= max;
}
