import type { Copies, Copy } from "./copy.js";
import type { Lease } from "./lease.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** What is known of a message between two deliveries. */
export interface Standing {
  /** Attempts that counted so far, as bounds. */
  readonly least: number;
  readonly most: number;
  /** It does not come before this time. */
  readonly notBefore: number;
  /** The delivery before it may have ended from this index on; slips after it count more. */
  readonly from: number;
}

const FRESH: Standing = { least: 0, most: 0, notBefore: Number.NEGATIVE_INFINITY, from: -1 };

/** Judges attempts and the waits between them: L4, L5. */
export function checkAttempts(run: Run, copies: Copies, report: Report): void {
  for (const copy of copies.all) {
    let standing: Standing = { ...FRESH, from: copy.published?.invoked.index ?? -1 };
    for (const [at, lease] of copy.leases.entries()) {
      checkAttempt(copy, lease, standing, copy.leases[at - 1], report);
      checkWait(run, lease, standing, copy.leases[at - 1], report);
      const next = copy.leases[at + 1]?.delivery;
      standing = standingAfter(lease, next?.index ?? run.timeline.lastIndex + 1, next?.token.life);
    }
    checkScanned(copy, standing, report);
  }
}

function checkAttempt(copy: Copy, lease: Lease, standing: Standing, before: Lease | undefined, report: Report): void {
  const { attempt, index } = lease.delivery;
  const least = standing.least + 1;
  const most = standing.most + 1 + copy.queue.slipsBetween(standing.from, index);
  const max = copy.queue.settings.maxAttemptsMax;
  const proof = [before?.delivery.index ?? -1, index].filter((one) => one >= 0);
  if (attempt > max) report.add("attempt", `${lease} is attempt ${attempt} of at most ${max}`, ...proof);
  else if (attempt < least || attempt > most)
    report.add("attempt", `${lease} is attempt ${attempt}, expected ${least === most ? least : `${least} to ${most}`}`, ...proof);
}

function checkWait(run: Run, lease: Lease, { notBefore, from }: Standing, before: Lease | undefined, report: Report): void {
  const { at, leaseUntil, index, token } = lease.delivery;
  const leasedAtMax = Math.min(at, leaseUntil - lease.copy.queue.settings.leaseMsMin);
  if (before === undefined || leasedAtMax >= notBefore) return;
  // Before the clock was set back it may have come in time, and been lost on the way.
  if (run.timeline.indexAt(notBefore, from) >= (run.life(token.life, index)?.start ?? -1))
    report.add("early-retry", `${lease} was leased at ${leasedAtMax}, expected ${notBefore} or later`, before.delivery.index, index);
}

/**
 * What holds after a lease, for a delivery at index `next` in `nextLife` (undefined: for the scan).
 *
 * Whatever may have ended the lease before then is possible. In another life there is one more possibility: what ended
 * it was not on disk, and the message was still in flight at the crash; then it counts and comes at once. Where the
 * commits do not tell, an expiry and a consumer's end without an answer are taken as not on disk.
 */
export function standingAfter(lease: Lease, next: number, nextLife: number | undefined): Standing {
  const { attempt, token, index } = lease.delivery;
  // At its own index, too: what ended by the clock since the event before it is over then.
  const possible = lease.possibleEnders().filter(({ from }) => from <= next);
  const outlived = nextLife === undefined ? lease.lifeEnd < next : nextLife !== token.life;
  const end = outlived ? lease.enders.find(({ how, from }) => how === "life" && from === lease.lifeEnd) : undefined;
  if (end !== undefined && !possible.includes(end) && !possible.some(({ kept }) => kept <= end.from)) possible.push(end);
  // An ack or a reject that was in force would have left nothing to deliver.
  const returning = possible.filter(({ how, proven }) => proven || (how !== "ack" && how !== "reject"));
  if (returning.length === 0) return { least: attempt - 1, most: attempt, notBefore: Number.NEGATIVE_INFINITY, from: index };
  const retried = wasRetriedByHand(lease, next);
  return {
    least: retried ? 0 : Math.min(...returning.map(({ counts }) => (counts === "yes" ? attempt : attempt - 1))),
    most: Math.max(...returning.map(({ counts }) => (counts === "no" ? attempt - 1 : attempt))),
    notBefore: retried ? Number.NEGATIVE_INFINITY : Math.min(...returning.map(({ notBefore }) => notBefore)),
    from: Math.min(...returning.map(({ from }) => from)),
  };
}

/** A blocked message that is retried by hand starts anew; how many attempts it keeps is not said. */
function wasRetriedByHand({ copy, delivery }: Lease, next: number): boolean {
  return copy.queue.keyActionsOf("retry", copy.key).some(({ invoked, doneIndex }) => invoked.index < next && doneIndex > delivery.index);
}
/** What was in flight at a crash counts when the next life begins, whether anybody consumes in it or not. */
function checkScanned(copy: Copy, standing: Standing, report: Report): void {
  const { scanned, queue, lastLease } = copy;
  const at = queue.scan?.index;
  if (scanned === undefined || at === undefined) return;
  // The scan counts the attempt in flight, also one that nobody was handed yet.
  const inFlight = scanned.state === "in-flight" ? 1 : 0;
  const most = standing.most + inFlight + queue.slipsBetween(standing.from, at);
  if (scanned.attempts >= standing.least && scanned.attempts <= most) return;
  const text = `${copy} is stored with ${scanned.attempts} attempts, expected ${standing.least} to ${most}`;
  report.add("attempt", text, lastLease?.delivery.index ?? copy.published?.doneIndex ?? -1, at);
}
