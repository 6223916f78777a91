import type { HistoryEvent } from "../history.js";
import { tokenKey } from "./run.js";

/** What a run came to. */
export interface Tally {
  /** Crashes while something was in flight. */
  crashesInFlight: number;
  crashes: number;
  published: number;
  acked: number;
  /** Receipts that say `duplicate`. */
  duplicates: number;
  /** Calls whose outcome nobody knows. */
  unknown: number;
  redeliveries: number;
  staleSettles: number;
  expiries: number;
  /** Messages in a dead-letter queue at the end, or delivered from one. */
  deadLetters: number;
  redriven: number;
  purged: number;
  /** Publishes with a delay, and with a time to live. */
  delayed: number;
  mortal: number;
  /** Messages that were emitted, and what came to devices: also again, and as gaps. */
  emitted: number;
  heard: number;
  heardAgain: number;
  gaps: number;
  /** Sessions that another one of their device replaced. */
  replaced: number;
  /** Rooms that were removed, messages that schedules published, and answers to messages that died. */
  roomsRemoved: number;
  chimes: number;
  answers: number;
}

/** Counts what happened in a run. */
export function tally(history: readonly HistoryEvent[]): Tally {
  const counts: Tally = {
    crashesInFlight: 0,
    crashes: 0,
    published: 0,
    acked: 0,
    duplicates: 0,
    unknown: 0,
    redeliveries: 0,
    staleSettles: 0,
    expiries: 0,
    deadLetters: 0,
    redriven: 0,
    purged: 0,
    delayed: 0,
    mortal: 0,
    emitted: 0,
    heard: 0,
    heardAgain: 0,
    gaps: 0,
    replaced: 0,
    roomsRemoved: 0,
    chimes: 0,
    answers: 0,
  };
  const inFlight = new Set<string>();
  const open = new Map<number, HistoryEvent>();
  const dead = new Set<string>();
  const deadQueues = new Set<string>();
  for (const event of history) {
    if ("call" in event && !("outcome" in event)) open.set(event.call, event);
    if ("outcome" in event) countDone(event, open, inFlight, counts);
    switch (event.type) {
      case "define":
        if (event.options.deadLetter !== false) deadQueues.add(event.options.deadLetter);
        break;
      case "publish":
        if (event.delayMs !== undefined) counts.delayed++;
        if (event.ttlMs !== undefined) counts.mortal++;
        break;
      case "delivery":
        inFlight.add(tokenKey(event.token));
        if (event.attempt > 1) counts.redeliveries++;
        if (deadQueues.has(event.queue)) dead.add(`${event.queue}/${event.sequence}`);
        break;
      case "expired":
        counts.expiries++;
        inFlight.delete(tokenKey(event.token));
        break;
      case "heard":
        counts.heard++;
        if (event.redelivered) counts.heardAgain++;
        break;
      case "gap":
        counts.gaps++;
        break;
      case "session-ended":
        if (event.reason === "replaced") counts.replaced++;
        break;
      case "room-remove-done":
        if (event.outcome === "ok") counts.roomsRemoved++;
        break;
      case "chimes":
        counts.chimes += event.chimes.length;
        break;
      case "replies":
        counts.answers += event.answers.length;
        break;
      case "crash":
        counts.crashes++;
        if (inFlight.size > 0) counts.crashesInFlight++;
        inFlight.clear();
        break;
      case "scan":
        if (deadQueues.has(event.queue)) for (const { sequence } of event.messages) dead.add(`${event.queue}/${sequence}`);
        break;
    }
  }
  counts.deadLetters = dead.size;
  counts.unknown = open.size;
  return counts;
}

function countDone(
  done: Extract<HistoryEvent, { outcome: unknown }>,
  open: Map<number, HistoryEvent>,
  inFlight: Set<string>,
  counts: Tally,
): void {
  const invoked = open.get(done.call);
  if (done.outcome === "info") return;
  open.delete(done.call);
  if (done.outcome === "fail") {
    if (done.code === "STALE_LEASE") counts.staleSettles++;
    return;
  }
  if (done.type === "publish-done") {
    if (done.duplicate) counts.duplicates++;
    else counts.published++;
  }
  if (done.type === "emit-done" && done.receipts.some(({ duplicate }) => !duplicate)) counts.emitted++;
  if (done.type === "redrive-done") counts.redriven += done.count;
  if (done.type === "purge-done") counts.purged += done.count;
  if (invoked?.type !== "settle" || invoked.verb === "extend") return;
  inFlight.delete(tokenKey(invoked.token));
  if (invoked.verb === "ack") counts.acked++;
}

/** Says in which ways a run came to less than it should, so that it cannot pass by doing nothing. */
export function vacuous(history: readonly HistoryEvent[], minimums: Partial<Tally>): string[] {
  const counts = tally(history);
  return Object.entries(minimums).flatMap(([what, least]) => {
    const count = counts[what as keyof Tally];
    return count < least ? [`only ${count} ${what}, expected ${least} or more`] : [];
  });
}
