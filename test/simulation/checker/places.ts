import { mayHaveHappened } from "./calls.js";
import { type Copies, type Copy, type Identity, isRedriven } from "./copy.js";
import type { Fates } from "./order.js";
import type { QueueRun } from "./queue-run.js";
import { addTo, type PublishCall, type Run } from "./run.js";
import { DEDUP_MS } from "./rooms/contents.js";
import type { Report } from "./violation.js";

/** Judges whether each message is in one place, and none is missing: P1, P4, D1. */
export function checkPlaces(run: Run, copies: Copies, fates: Fates, report: Report): void {
  for (const identity of copies.identities.values()) {
    checkMissing(run, identity, fates, report);
    if (identity.copies.length > 1) checkOnce(run, identity, report);
  }
}

// --- nothing is missing ------------------------------------------------------------------------------------------

function checkMissing(run: Run, identity: Identity, fates: Fates, report: Report): void {
  for (const copy of identity.copies) {
    if (copy.scanned !== undefined || copy.queue.scan === undefined) continue;
    const endings = fates.get(copy) ?? [];
    const moved = endings.find(
      ({ how }) => how === "attempts" || how === "rejected" || how === "redriven" || how === "expired" || how === "overflow",
    );
    const done = endings.some((ending) => isFinal(copy, ending.how));
    const told = copy.published?.doneIndex ?? -1;
    const last = copy.lastLease?.delivery.index ?? Number.POSITIVE_INFINITY;
    if (endings.length === 0 && !isDead(copy)) report.add("lost", `${copy} was stored, and is gone`, told, last);
    else if (!done && moved !== undefined && !isElsewhere(run, copy))
      report.add("nowhere", `${copy} left as ${moved.how}, and is nowhere`, told, last, moved.from);
  }
}

/** Whether the message is dead all the same, without a cause: that is judged elsewhere. */
const isDead = (copy: Copy): boolean =>
  copy.identity.copies.some((other) => other.queue.origins.includes(copy.queue) && other.lastSeen > copy.lastSeen);

/** Whether this takes the message out for good. How a skipped message ends is not said. */
function isFinal(copy: Copy, how: string): boolean {
  if (how === "acked" || how === "purged" || how === "removed" || how === "skipped") return true;
  return how !== "redriven" && (copy.queue.settings.mayDiscard || copy.queue.settings.deadLetters.length === 0);
}

/** Whether the message was seen in its other place later, or may have been taken there before anybody saw it. */
function isElsewhere(run: Run, copy: Copy): boolean {
  const { identity, queue } = copy;
  if (identity.copies.some((other) => other !== copy && other.lastSeen > copy.lastSeen)) return true;
  const others = [queue, ...queue.origins, ...queue.settings.deadLetters.map((name) => run.queue(name))];
  return others.some(
    (other) =>
      (other !== queue && other.scan === undefined) ||
      other.purges.some((call) => mayHaveHappened(call) && call.doneIndex > copy.lastSeen && call.ok?.count !== 0) ||
      other.removes.get(identity.id)?.some((call) => mayHaveHappened(call) && call.doneIndex > copy.lastSeen) ||
      (other !== queue && isDiscardedUnseen(other, copy.lastSeen)),
  );
}

/** Whether a queue that discards its dead messages may have discarded one before anybody saw it there. */
const isDiscardedUnseen = ({ settings, slips }: QueueRun, after: number): boolean =>
  settings.mayDiscard && slips.filter((slip) => slip > after).length >= settings.maxAttemptsMin;

// --- nothing is there twice --------------------------------------------------------------------------------------

/**
 * A message has one copy at a time, and never comes back to one it left. So of an id stored `publishes` times at most,
 * no more copies can be alive at once, by their first and last sight; and a copy that was acked or is stored at the end
 * takes one publish for itself.
 */
function checkOnce(run: Run, identity: Identity, report: Report): void {
  const publishes = publishesMax(run, identity.publishes);
  if (publishes === 0) return;
  const seen = identity.copies.filter(({ firstSeen }) => firstSeen !== Number.POSITIVE_INFINITY);
  const twice = finishedAndThere(seen, publishes) ?? aliveAtOnce(seen, publishes);
  if (twice !== undefined) reportTwice(twice, report);
}

/** Copies that are stored, or seen after the last ack, although acked ones took up the publishes. */
function finishedAndThere(seen: readonly Copy[], publishes: number): Copy[] | undefined {
  const stored = seen.filter(({ scanned }) => scanned !== undefined);
  const acked = seen.filter((copy) => copy.scanned === undefined && ackedAt(copy) !== Number.POSITIVE_INFINITY);
  const spare = Math.max(0, publishes - acked.length);
  if (stored.length > spare) return [...acked, ...stored];
  const lastAck = Math.max(-1, ...acked.map(ackedAt));
  const after = seen.find((copy) => !acked.includes(copy) && copy.firstSeen > lastAck);
  if (acked.length > publishes) return acked;
  return spare === 0 && after !== undefined ? [...acked, after] : undefined;
}

function aliveAtOnce(seen: readonly Copy[], publishes: number): Copy[] | undefined {
  let alive: Copy[] = [];
  for (const copy of seen.toSorted((a, b) => a.firstSeen - b.firstSeen)) {
    alive = [...alive.filter(({ lastSeen }) => lastSeen > copy.firstSeen), copy];
    if (alive.length > publishes) return alive;
  }
  return undefined;
}

const ackedAt = (copy: Copy): number =>
  Math.min(
    Number.POSITIVE_INFINITY,
    ...copy.leases.flatMap(({ enders }) => enders.filter(({ how }) => how === "ack").map(({ sure }) => sure)),
  );

/** How many times the id can have been stored at most: once per dedup window. */
function publishesMax(run: Run, calls: readonly PublishCall[]): number {
  const byQueue = new Map<string, PublishCall[]>();
  for (const call of calls) {
    if (mayHaveHappened(call)) addTo(byQueue, call.invoked.queue, call);
  }
  let most = 0;
  for (const [queue, ofQueue] of byQueue) {
    const windowMs = Math.min(run.queue(queue).settings.dedupWindowMsMin, run.isFed(queue) ? DEDUP_MS : Number.POSITIVE_INFINITY);
    const first = Math.min(...ofQueue.map(({ invoked }) => invoked.at));
    const last = Math.max(...ofQueue.map(({ doneAt }) => Math.min(doneAt, run.timeline.lastAt)));
    const numbered = ofQueue.every(({ invoked }) => invoked.producer !== undefined);
    // A clock that goes back shows the end of one window more than once.
    const windows = windowMs === 0 || run.timeline.wentBack ? ofQueue.length : 1 + Math.floor(Math.max(0, last - first) / windowMs);
    most += numbered ? 1 : Math.min(ofQueue.length, windows);
  }
  return most;
}

function reportTwice(copies: readonly Copy[], report: Report): void {
  const queues = new Set(copies.map(({ queue }) => queue));
  const inDead = copies.some(({ queue }) => queue.origins.length > 0);
  const proof = copies.map((copy) => (copy.scanned === undefined ? copy.firstSeen : copy.lastSeen));
  const text = `${copies.join(" and ")} are the same message`;
  const redriven = copies.some((copy) => isRedriven(copy)) ? "redrive" : "two-places";
  report.add(queues.size === 1 && !inDead ? "duplicated" : redriven, text, ...proof);
}
