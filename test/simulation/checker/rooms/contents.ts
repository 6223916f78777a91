import { type Heard, nameOfTarget, type Target } from "../../room-history.js";
import { mayHaveHappened } from "../calls.js";
import { addTo } from "../run.js";
import type { Report } from "../violation.js";
import type { RoomMessage, RoomMessages } from "./room-messages.js";
import type { EmitCall, RoomRun } from "./room-run.js";

/** How long a room remembers ids. */
export const DEDUP_MS = 600_000;

/** Judges whether what rooms have was emitted, arrived as it was sent, and is there once and in order: P1 to P5. */
export function checkRoomContents(run: RoomRun, messages: RoomMessages, report: Report): void {
  for (const message of messages.all) checkSource(message, report);
  for (const event of run.events) if (event.type === "heard") checkHeard(event, messages, report);
  for (const [id, calls] of messages.byId) checkOnce(run, messages, id, calls, report);
  checkDuplicates(run, messages, report);
  checkOrder(run, report);
  checkProducers(run, messages, report);
}

function checkSource(message: RoomMessage, report: Report): void {
  const { emits, firstSeen } = message;
  const before = emits.filter(({ invoked }) => invoked.index < firstSeen);
  if (before.length === 0) report.add("unexpected", `${message} was not emitted`, firstSeen);
  else if (!before.some(mayHaveHappened))
    report.add("phantom", `${message} was refused for good, and is there`, ...before.map(({ doneIndex }) => doneIndex), firstSeen);
}

function checkHeard({ target, sequence, id, body, event, key, index }: Heard, messages: RoomMessages, report: Report): void {
  const message = messages.at(target, sequence);
  const sent = message?.emits.some(({ invoked }) => invoked.body === body && invoked.event === event && invoked.key === key) ?? false;
  if (message !== undefined && message.id === id && message.emits.length > 0 && !sent)
    report.add("altered", `${message} arrived as ${JSON.stringify({ body, event, key })}, which nobody sent`, index);
}

/** No id is there more often than it can have been stored. */
function checkOnce(run: RoomRun, messages: RoomMessages, id: string, calls: readonly EmitCall[], report: Report): void {
  const possible = calls.filter(mayHaveHappened);
  const most = storedMax(run, possible);
  for (const target of targetsOf(possible)) {
    const there = messages.ofId(target, id);
    if (there.length > most)
      report.add("duplicated", `${there.join(" and ")} are the same message`, ...there.map(({ firstSeen }) => firstSeen));
  }
}

/** Once for its producer, else once for each window in which its id is remembered. */
function storedMax(run: RoomRun, calls: readonly EmitCall[]): number {
  if (calls.every(({ invoked }) => invoked.producer !== undefined)) return 1;
  if (run.run.timeline.wentBack) return calls.length;
  const first = Math.min(...calls.map(({ invoked }) => invoked.at));
  const last = Math.max(...calls.map(({ doneAt }) => Math.min(doneAt, run.run.timeline.lastAt)));
  return Math.min(calls.length, 1 + Math.floor(Math.max(0, last - first) / DEDUP_MS));
}

function targetsOf(calls: readonly EmitCall[]): readonly Target[] {
  const targets = new Map<string, Target>();
  for (const { invoked } of calls) for (const target of invoked.to) targets.set(nameOfTarget(target), target);
  return [...targets.values()];
}

/** A duplicate's receipt is the first one's: it names a message of its id. */
function checkDuplicates(run: RoomRun, messages: RoomMessages, report: Report): void {
  for (const { ok, invoked, doneIndex } of run.emits.list) {
    for (const [at, { sequence, duplicate }] of (ok?.receipts ?? []).entries()) {
      const target = invoked.to[at];
      if (target === undefined || !duplicate) continue;
      const message = messages.at(target, sequence);
      if (message !== undefined && message.id !== invoked.id)
        report.add("conflict", `${message} is told to be a duplicate of id ${invoked.id}`, message.firstSeen, doneIndex);
    }
  }
}

/** What was stored before something was emitted comes before it. */
function checkOrder(run: RoomRun, report: Report): void {
  const byTarget = new Map<string, { readonly from: number; readonly to: number; readonly sequence: number }[]>();
  for (const { ok, invoked, doneIndex } of run.emits.list) {
    for (const [at, { sequence, duplicate }] of (ok?.receipts ?? []).entries()) {
      const target = invoked.to[at];
      if (target !== undefined && !duplicate) addTo(byTarget, nameOfTarget(target), { from: invoked.index, to: doneIndex, sequence });
    }
  }
  for (const [name, stored] of byTarget) {
    const done = stored.toSorted((a, b) => a.to - b.to);
    let at = 0;
    let highest: (typeof done)[number] | undefined;
    for (const one of stored) {
      for (let next = done[at]; next !== undefined && next.to < one.from; next = done[++at])
        if (highest === undefined || next.sequence > highest.sequence) highest = next;
      if (highest !== undefined && highest.sequence >= one.sequence)
        report.add(
          "reordered",
          `${name} sequence ${one.sequence} was emitted after sequence ${highest.sequence} was stored`,
          highest.to,
          one.to,
        );
    }
  }
}

/** The numbers of a producer rise with the sequences. */
function checkProducers(run: RoomRun, messages: RoomMessages, report: Report): void {
  const last = new Map<string, { readonly number: number; readonly message: RoomMessage }>();
  const numberOf = new Map<string, NonNullable<EmitCall["invoked"]["producer"]>>();
  for (const { invoked } of run.emits.list) if (invoked.producer !== undefined) numberOf.set(invoked.id, invoked.producer);
  for (const message of messages.all.toSorted((a, b) => a.sequence - b.sequence)) {
    const producer = numberOf.get(message.id);
    if (producer === undefined) continue;
    const key = `${nameOfTarget(message.target)}\n${producer.id}`;
    const before = last.get(key);
    if (before !== undefined && before.number > producer.number)
      report.add("reordered", `${message} comes after ${before.message} of the same sender`, before.message.firstSeen, message.firstSeen);
    last.set(key, { number: producer.number, message });
  }
}
