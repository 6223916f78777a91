import type { Publish } from "../history.js";
import { mayHaveHappened } from "./calls.js";
import type { Copies, Identity } from "./copy.js";
import { addTo, type PublishCall, type Run } from "./run.js";
import type { Report } from "./violation.js";

/** Judges what publishers were told: P4, P5, and batches that are to be whole. */
export function checkVerdicts(run: Run, copies: Copies, report: Report): void {
  const wrong = new Set<PublishCall>();
  for (const { publishes } of copies.identities.values()) {
    const byQueue = new Map<string, PublishCall[]>();
    for (const call of publishes) addTo(byQueue, call.invoked.queue, call);
    for (const calls of byQueue.values()) for (const call of checkAnswers(run, calls, report)) wrong.add(call);
  }
  checkOrder(run, wrong, report);
  checkBatches(run, copies, report);
}

const sameContent = (a: Publish, b: Publish): boolean => a.body === b.body && a.event === b.event && a.key === b.key;

/** A producer's number means one message for good; an id chosen by the application does for the dedup window. */
function windowOf(run: Run, { queue, producer }: Publish): { min: number; max: number } {
  if (producer !== undefined) return { min: Number.POSITIVE_INFINITY, max: Number.POSITIVE_INFINITY };
  const { dedupWindowMsMin: min, dedupWindowMsMax: max } = run.queue(queue).settings;
  return { min, max };
}

/** Judges the answers to all publishes of one id to one queue, and returns those whose sequence means nothing. */
function checkAnswers(run: Run, calls: readonly PublishCall[], report: Report): PublishCall[] {
  const wrong: PublishCall[] = [];
  const storing = calls.filter((call) => mayHaveHappened(call) && !call.ok?.duplicate);
  for (const call of calls) {
    const { invoked, ok } = call;
    const name = `queue ${invoked.queue} id ${invoked.id}`;
    const before = storing.filter((other) => other !== call && mayPrecede(run, other, call));
    if (ok !== undefined && ok.id !== invoked.id) report.add("conflict", `${name} got a receipt for id ${ok.id}`, invoked.index, ok.index);
    if (ok?.duplicate) {
      const first = before.some((other) => sameContent(other.invoked, invoked) && (other.ok?.sequence ?? ok.sequence) === ok.sequence);
      if (!first) {
        wrong.push(call);
        report.add("conflict", `${name} is called a duplicate of sequence ${ok.sequence}, which it is not`, invoked.index, ok.index);
      }
    }
    // An array is refused whole; which of its messages is the conflict is not said.
    if (call.code === "ID_CONFLICT" && invoked.batch === undefined && !before.some((other) => !sameContent(other.invoked, invoked)))
      report.add("conflict", `${name} was refused as a conflict, and no other content was published`, invoked.index, call.doneIndex);
  }
  checkStoredTwice(run, storing, report);
  return wrong;
}

/** Whether `other` may have been stored before the call took effect, and within the dedup window. */
function mayPrecede(run: Run, other: PublishCall, call: PublishCall): boolean {
  if (other.invoked.index >= call.doneIndex) return false;
  return storedAt(run, other).max + windowOf(run, call.invoked).max > storedAt(run, call).min;
}

/** What the server's clock showed when it took the call, as bounds. */
const storedAt = (run: Run, { invoked, doneIndex }: PublishCall): { readonly min: number; readonly max: number } =>
  run.timeline.shown(invoked.index, doneIndex);

/** Whether the server's clock never showed the end of the window between the two calls, wherever it was set. */
function isSurelyWithin(run: Run, a: PublishCall, b: PublishCall, windowMs: number): boolean {
  const done = Math.max(a.doneIndex, b.doneIndex);
  if (done > run.timeline.lastIndex) return false;
  const first = Math.min(storedAt(run, a).min, storedAt(run, b).min);
  return run.timeline.indexAt(first + windowMs, Math.min(a.invoked.index, b.invoked.index)) > done;
}

/** Two first receipts for one id, surely within the window. */
function checkStoredTwice(run: Run, storing: readonly PublishCall[], report: Report): void {
  let before: PublishCall | undefined;
  for (const call of storing) {
    const { invoked, ok } = call;
    if (ok === undefined) continue;
    if (before?.ok !== undefined && isSurelyWithin(run, before, call, windowOf(run, invoked).min)) {
      const kind = sameContent(before.invoked, invoked) ? "duplicated" : "conflict";
      const text = `queue ${invoked.queue} id ${invoked.id} is stored twice within its dedup window, as sequences ${before.ok.sequence} and ${ok.sequence}`;
      report.add(kind, text, before.ok.index, ok.index);
    }
    before = call;
  }
}

/**
 * What was sent later is stored later: after an answer, on one channel, and by a producer's numbers. A resend has the
 * place of the first, so receipts of duplicates count for producers only, whose numbers tell the order.
 */
function checkOrder(run: Run, wrong: ReadonlySet<PublishCall>, report: Report): void {
  const byQueue = new Map<string, PublishCall[]>();
  const byChannel = new Map<string, PublishCall[]>();
  const byProducer = new Map<string, PublishCall[]>();
  for (const call of run.publishes.list) {
    const { queue, channel, producer } = call.invoked;
    if (call.ok === undefined || wrong.has(call)) continue;
    if (producer !== undefined) addTo(byProducer, `${queue}\n${producer.id}`, call);
    if (call.ok.duplicate) continue;
    addTo(byQueue, queue, call);
    if (channel !== undefined) addTo(byChannel, `${queue}\n${channel}`, call);
  }
  for (const calls of byQueue.values()) checkAnsweredFirst(calls, report);
  for (const calls of byChannel.values()) checkRising(calls, "was sent later on its channel", report);
  for (const calls of byProducer.values()) {
    calls.sort((a, b) => (a.invoked.producer?.number ?? 0) - (b.invoked.producer?.number ?? 0));
    checkRising(calls, "has the later producer number", report);
  }
}

const sequenceOf = (call: PublishCall): number => call.ok?.sequence ?? 0;

function checkAnsweredFirst(calls: PublishCall[], report: Report): void {
  calls.sort((a, b) => sequenceOf(b) - sequenceOf(a));
  let earliest: PublishCall | undefined;
  for (const call of calls) {
    if (earliest !== undefined && earliest.doneIndex < call.invoked.index)
      reordered(earliest, call, "was published after the answer", report);
    if (earliest === undefined || call.doneIndex < earliest.doneIndex) earliest = call;
  }
}

function checkRising(calls: readonly PublishCall[], why: string, report: Report): void {
  let before: PublishCall | undefined;
  for (const call of calls) {
    const repeated = before?.invoked.id === call.invoked.id;
    if (before !== undefined && !repeated && sequenceOf(before) >= sequenceOf(call)) reordered(before, call, why, report);
    before = call;
  }
}

function reordered(first: PublishCall, later: PublishCall, why: string, report: Report): void {
  const { invoked } = later;
  const text = `queue ${invoked.queue} id ${invoked.id} ${why}, and has sequence ${sequenceOf(later)}; id ${first.invoked.id} has ${sequenceOf(first)}`;
  report.add("reordered", text, first.invoked.index, invoked.index, later.doneIndex);
}

function checkBatches(run: Run, copies: Copies, report: Report): void {
  const batches = new Map<number, PublishCall[]>();
  for (const call of run.publishes.list) if (call.invoked.batch !== undefined) addTo(batches, call.invoked.batch, call);
  for (const [batch, calls] of batches) {
    const stored = calls.find((call) => call.ok !== undefined || isOnlyReasonSeen(run, copies, call));
    const missing = calls.find((call) => !mayHaveHappened(call) || isSurelyMissing(run, copies, call));
    if (stored === undefined || missing === undefined) continue;
    const text = `batch ${batch} has id ${stored.invoked.id} in queue ${stored.invoked.queue}, and not id ${missing.invoked.id} in queue ${missing.invoked.queue}`;
    report.add("torn", text, stored.invoked.index, missing.invoked.index);
  }
}

const identityOf = (run: Run, copies: Copies, { queue, id }: Publish): Identity | undefined =>
  copies.identities.get(`${run.queue(queue).settings.deadLetters[0] ?? queue}\n${id}`);

/** Whether the message was seen, and nothing else than this call can have stored it. */
function isOnlyReasonSeen(run: Run, copies: Copies, call: PublishCall): boolean {
  const identity = identityOf(run, copies, call.invoked);
  if (identity === undefined || identity.copies.length === 0 || !mayHaveHappened(call)) return false;
  return identity.publishes.filter(mayHaveHappened).length === 1;
}

/** Whether an unanswered publish surely stored nothing: not seen, and nothing can have taken the message unseen. */
function isSurelyMissing(run: Run, copies: Copies, call: PublishCall): boolean {
  const { queue, ttlMs } = call.invoked;
  const { scan, purges, settings } = run.queue(queue);
  const family = [queue, ...settings.deadLetters].map((name) => run.queue(name));
  if (scan === undefined || call.ok !== undefined || ttlMs !== undefined || settings.mayDiscard) return false;
  if (purges.length > 0 || family.some((one) => one.scan === undefined || one.purges.some(mayHaveHappened))) return false;
  const identity = identityOf(run, copies, call.invoked);
  return identity?.copies.length === 0 && !family.some(({ removes }) => removes.has(call.invoked.id));
}
