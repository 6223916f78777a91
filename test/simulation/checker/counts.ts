import type { Counts, ScannedMessage } from "../history.js";
import { mayHaveHappened } from "./calls.js";
import type { Copies, Copy } from "./copy.js";
import type { Fates } from "./order.js";
import type { QueueRun } from "./queue-run.js";
import { addTo, type Run } from "./run.js";
import type { Report } from "./violation.js";

const NEVER = Number.POSITIVE_INFINITY;

/** Judges the counts of each queue: by themselves, against the scan, and against the history where that is certain. C1. */
export function checkCounts(run: Run, copies: Copies, fates: Fates, report: Report): void {
  const ofQueue = new Map<QueueRun, Copy[]>();
  for (const copy of copies.all) addTo(ofQueue, copy.queue, copy);
  for (const queue of run.queues.values()) {
    if (queue.stats === undefined) continue;
    checkSum(queue, queue.stats.counts, report);
    checkScan(queue, queue.stats.counts, report);
    checkHistory(run, queue, ofQueue.get(queue) ?? [], fates, report);
  }
}

const stored = ({ ready, inFlight, delayed, parked }: Counts): number => ready + inFlight + delayed + parked;

/**
 * What came in is what is there or went. A dead letter that was redriven counts as acked where it was; what is taken out
 * by hand has no count of its own there, so as much may be missing on the right.
 */
function checkSum(queue: QueueRun, counts: Counts, report: Report): void {
  const came = counts.published + counts.redriven;
  const there = stored(counts) + counts.dead + counts.acked + counts.expired + counts.purged;
  const removed = [...queue.removes.values()].flat().filter(mayHaveHappened);
  if (there > came || there < came - removed.length) {
    const text = `queue ${queue.name}: published ${counts.published} + redriven ${counts.redriven} is not ${there}, the sum of the others`;
    report.add("counts", text, queue.stats?.index ?? -1);
  }
}

function checkScan(queue: QueueRun, counts: Counts, report: Report): void {
  const { scan, stats } = queue;
  if (scan === undefined || stats === undefined) return;
  const differ = (what: string, count: number, seen: number): void => {
    if (count !== seen) report.add("counts", `queue ${queue.name} counts ${count} ${what}, the scan has ${seen}`, scan.index, stats.index);
  };
  differ("messages", stored(counts), scan.messages.length);
  // With time in between, what is delayed may have become ready.
  if (scan.at !== stats.at || stored(counts) !== scan.messages.length) return;
  const inState = (state: ScannedMessage["state"]): number => scan.messages.filter((message) => message.state === state).length;
  differ("ready", counts.ready, inState("ready"));
  differ("in flight", counts.inFlight, inState("in-flight"));
  differ("delayed", counts.delayed, inState("delayed"));
  differ("parked", counts.parked, inState("parked") + inState("blocked"));
}

function checkHistory(run: Run, queue: QueueRun, copies: readonly Copy[], fates: Fates, report: Report): void {
  const { counts, index } = queue.stats ?? {};
  if (counts === undefined || index === undefined) return;
  const between = (what: keyof Counts, least: number, most: number): void => {
    const count = counts[what];
    if (count >= least && count <= most) return;
    const expected = least === most ? least : `${least} to ${most}`;
    report.add("counts", `queue ${queue.name} counts ${count} ${what}, expected ${expected}`, index);
  };
  const calls = run.publishes.list.filter((call) => call.invoked.queue === queue.name);
  const receipts = calls.filter(({ ok }) => ok !== undefined && !ok.duplicate).length;
  const unknown = calls.filter((call) => mayHaveHappened(call) && call.ok === undefined).length;
  const found = copies.filter((copy) => copy.published === undefined && !copy.mayBeMoved && copy.sources.length > 0).length;
  // A dead-letter queue may count what moves in as published.
  between("published", receipts + found, queue.origins.length > 0 ? NEVER : receipts + unknown);
  const acks = copies.map((copy) => copy.leases.flatMap(({ enders }) => enders.filter(({ how }) => how === "ack")));
  // A dead letter that was redriven counts as acked where it was.
  const out = told(queue.origins.flatMap(({ redrives }) => redrives));
  const acked = acks.filter((enders) => enders.some(({ proven }) => proven)).length;
  between("acked", acked + out[0], acks.filter(({ length }) => length > 0).length + out[1]);
  between("purged", ...told(queue.purges));
  const redriven = told(queue.redrives);
  between("redriven", ...redriven);
  const rejected = copies.filter(({ leases }) => leases.some(({ enders }) => enders.some(({ how, proven }) => how === "reject" && proven)));
  const dying = copies.filter((copy) => fates.get(copy)?.some(({ how }) => isDeath.has(how)));
  // Dead letters may die again before anybody saw them there.
  const unseen = queue.origins.length > 0 && queue.slips.length > 0 ? NEVER : unknown;
  between("dead", rejected.length, dying.length + unseen + redriven[1]);
  const expires = queue.settings.mayDiscard && calls.some(({ invoked }) => invoked.ttlMs !== undefined);
  between("expired", 0, expires || queue.origins.length > 0 ? NEVER : 0);
}

const isDeath = new Set(["rejected", "attempts", "expired", "skipped", "overflow"]);

/** How many messages calls took at least and at most, by their answers. */
function told(calls: readonly { ok: { readonly count: number } | undefined; code: string | undefined }[]): [number, number] {
  const counts = calls.filter(mayHaveHappened).map(({ ok }) => ok?.count);
  const least = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  return [least, counts.includes(undefined) ? NEVER : least];
}
