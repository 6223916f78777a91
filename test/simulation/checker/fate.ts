import { standingAfter } from "./attempts.js";
import { mayHaveHappened } from "./calls.js";
import type { Copy } from "./copy.js";
import type { Lease } from "./lease.js";
import type { QueueRun } from "./queue-run.js";
import type { Run } from "./run.js";

/** A way in which a message may have left its place. */
export interface Ending {
  readonly how: "acked" | "rejected" | "attempts" | "expired" | "skipped" | "purged" | "removed" | "redriven" | "overflow";
  /** From this index on. */
  readonly from: number;
  /** When it was on disk at the earliest, if something has to be. */
  readonly durable: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Each way in which the message may have left its place after it was last seen there; none if it is stored at the end. */
export function endingsOf(run: Run, copy: Copy): Ending[] {
  if (copy.scanned !== undefined) return [];
  const seen = copy.lastLease?.delivery.index ?? copy.published?.invoked.index ?? -1;
  const endings = [...settledEndings(run, copy), ...timeEndings(run, copy), ...outOfAttempts(run, copy), ...movedByHand(run, copy, seen)];
  const purged = copy.queue.purgedFrom(copy.sequence, seen);
  const pushedOut = pushedOutFrom(run, copy, seen);
  endings.push({ how: "purged", from: purged, durable: purged }, { how: "overflow", from: pushedOut, durable: pushedOut });
  return endings.filter(({ from }) => from !== NEVER);
}

/** A settlement of the last lease; of one before it only if the engine accepted that, which is judged elsewhere. */
function settledEndings(run: Run, copy: Copy): Ending[] {
  const endings: Ending[] = [];
  for (const lease of copy.leases) {
    const last = lease === copy.lastLease;
    for (const { how, from, proven } of lease.enders) {
      if ((how === "ack" || how === "reject") && (proven || (last && from <= lease.sureEnd)))
        endings.push({ how: how === "ack" ? "acked" : "rejected", from, durable: durableFrom(run, lease, from) });
    }
    for (const { invoked, ok } of run.settlesOf.get(lease.key) ?? []) {
      const foreign = ok !== undefined && invoked.consumer !== lease.delivery.consumer;
      if (foreign && invoked.verb === "ack") endings.push({ how: "acked", from: invoked.index, durable: invoked.index });
      if (foreign && invoked.verb === "reject") endings.push({ how: "rejected", from: invoked.index, durable: invoked.index });
    }
  }
  return endings;
}

/**
 * When the end of a lease that came at the index may be on disk: with its answer, or the sync of a commit begun after
 * it. A commit torn by a crash may be whole as well, so a crash is such a moment too.
 */
function durableFrom(run: Run, lease: Lease, from: number): number {
  const synced = run.timeline.durableAt(from);
  if (synced === undefined) return from;
  const answered = lease.settles.find(({ invoked }) => invoked.index === from)?.doneIndex ?? NEVER;
  return Math.min(synced, answered, lease.lifeEnd);
}

/** With a redrive the time to live begins anew. When the clock went back meanwhile, that may be over before the first one. */
function timeEndings(run: Run, copy: Copy): Ending[] {
  const { identity, queue, firstSeen } = copy;
  if (queue.origins.length > 0) return [];
  const redrives = copy.mayBeMoved
    ? queue.redrives.filter((call) => mayHaveTaken(call, identity.id) && call.invoked.index < firstSeen)
    : [];
  const ends = identity.publishes
    .filter(mayHaveHappened)
    .flatMap((call) =>
      [call, ...redrives].map(({ invoked, doneIndex }) => run.timeline.expiresFrom(call.invoked.ttlMs, invoked.index, doneIndex)),
    );
  const from = Math.min(NEVER, ...ends);
  return [{ how: "expired", from, durable: from }];
}

/** The last lease and the slips after it may have made up the attempts; under `block` the message then stays. */
function outOfAttempts(run: Run, copy: Copy): Ending[] {
  const { settings } = copy.queue;
  const max = settings.maxAttemptsMin;
  if (max === NEVER || settings.always("block")) return [];
  const lease = copy.lastLease;
  if (lease === undefined) {
    const from = copy.queue.slipAfter(copy.published?.invoked.index ?? -1, max);
    return [{ how: "attempts", from, durable: from }];
  }
  const { most, from: ended } = standingAfter(lease, run.timeline.lastIndex + 1, undefined);
  const over = lease.mayEnd;
  if (over === NEVER) return [];
  if (most < max) {
    const from = copy.queue.slipAfter(ended, max - most);
    return [{ how: "attempts", from, durable: from }];
  }
  // A limit that was lowered while it waited ends it when it would be leased, with what it had before.
  if (max < settings.maxAttemptsMax) return [{ how: "attempts", from: over, durable: over }];
  const counted = lease.possibleEnders().filter(({ counts, how }) => counts !== "no" && how !== "ack" && how !== "purge");
  // Options may have allowed more at the time, so that it took a slip besides.
  const from = Math.min(...counted.map((ender) => ender.from), copy.queue.slipAfter(ended, 1));
  return [{ how: "attempts", from, durable: from === NEVER ? NEVER : durableFrom(run, lease, from) }];
}

/** From when on another message may have pushed it out of a full queue; what is in flight stays. */
function pushedOutFrom(run: Run, { queue, lastLease, identity }: Copy, seen: number): number {
  if (!queue.settings.mayOverflow) return NEVER;
  const pushes = run.publishes.list.some(
    (call) => call.invoked.queue === queue.name && mayHaveHappened(call) && call.doneIndex > seen && !identity.publishes.includes(call),
  );
  return pushes ? Math.max(seen, lastLease?.mayEnd ?? seen) : NEVER;
}

function movedByHand(run: Run, copy: Copy, seen: number): Ending[] {
  const endings: Ending[] = [];
  const { queue, identity, key } = copy;
  const add = (how: Ending["how"], from: number): void => {
    endings.push({ how, from: Math.max(from, seen), durable: Math.max(from, seen) });
  };
  for (const { invoked, doneIndex } of queue.keyActionsOf("skip", key)) if (doneIndex > seen) add("skipped", invoked.index);
  for (const call of queue.removes.get(identity.id) ?? [])
    if (mayHaveHappened(call) && call.doneIndex > seen) add("removed", call.invoked.index);
  for (const call of queue.origins.flatMap(({ redrives }) => redrives))
    if (mayHaveTaken(call, identity.id) && call.doneIndex > seen) add("redriven", call.invoked.index);
  return endings.filter(({ from }) => from <= run.timeline.lastIndex);
}

/** Whether the redrive may have taken the message back to its queue. */
function mayHaveTaken(call: QueueRun["redrives"][number], id: string): boolean {
  return mayHaveHappened(call) && (call.invoked.ids?.includes(id) ?? true) && call.ok?.count !== 0;
}
