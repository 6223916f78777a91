import { type MemberName, nameOfTarget } from "../../room-history.js";
import type { Copies, Copy } from "../copy.js";
import type { QueueRun } from "../queue-run.js";
import { addTo } from "../run.js";
import type { Report } from "../violation.js";
import type { Memberships } from "./memberships.js";
import type { RoomMessage, RoomMessages } from "./room-messages.js";
import type { RoomRun } from "./room-run.js";

/** Judges whether queues that are members got each message of their rooms once, and none too late. */
export function checkFeeds(run: RoomRun, messages: RoomMessages, members: Memberships, copies: Copies, report: Report): void {
  for (const name of fedQueues(run)) {
    const queue = run.run.queue(name);
    const byId = copiesById(copies, queue);
    checkOnce(messages, byId, report);
    checkExpired(run, byId, messages, report);
    if (queue.scan !== undefined && run.drained !== Number.POSITIVE_INFINITY) checkAll(run, queue, messages, members, copies, report);
  }
}

function fedQueues(run: RoomRun): Set<string> {
  return new Set(run.changes.list.flatMap(({ invoked: { member } }) => member.queue ?? []));
}

function copiesById(copies: Copies, queue: QueueRun): Map<string, Copy[]> {
  const byId = new Map<string, Copy[]>();
  for (const copy of copies.all) if (copy.queue === queue) addTo(byId, copy.identity.id, copy);
  return byId;
}

/** As often as it is in a room; who is in several gets it through one. */
function checkOnce(messages: RoomMessages, byId: ReadonlyMap<string, readonly Copy[]>, report: Report): void {
  for (const [id, copies] of byId) {
    const emits = messages.byId.get(id);
    if (emits === undefined || copies.some(({ queue }) => queue.redrives.length > 0)) continue;
    // What retention removed before anybody saw it was there once.
    const most = Math.max(1, ...(emits[0]?.invoked.to ?? []).map((target) => messages.ofId(target, id).length));
    if (copies.length > most)
      report.add("duplicated", `${copies.join(" and ")} came from ${most} emits to rooms`, ...copies.map(({ firstSeen }) => firstSeen));
  }
}

/** Once its time to live is over nobody gets it any more, in the queue as in the room. */
function checkExpired(run: RoomRun, byId: ReadonlyMap<string, readonly Copy[]>, messages: RoomMessages, report: Report): void {
  for (const [id, copies] of byId) {
    const emits = messages.byId.get(id) ?? [];
    const stored = emits.filter(({ ok }) => ok?.receipts.some(({ duplicate }) => !duplicate));
    const [call] = stored;
    const ttlMs = call?.invoked.ttlMs;
    if (
      call === undefined ||
      ttlMs === undefined ||
      stored.length > 1 ||
      emits.some(({ ok, code }) => ok === undefined && code === undefined)
    )
      continue;
    // An answer may arrive after a crash, when the clock was set back: it was stored by any time shown until then.
    const expiresAt = run.run.timeline.shown(call.invoked.index, call.doneIndex).max + ttlMs;
    const leaseMsMax = copies[0]?.queue.settings.leaseMsMax ?? 0;
    for (const { delivery } of copies.flatMap(({ leases }) => leases)) {
      // The lease must be in time; handing it over may take longer.
      const leasedAt = Math.min(delivery.at, delivery.leaseUntil - leaseMsMax);
      if (leasedAt > expiresAt)
        report.add("expired-delivered", `queue ${delivery.queue} id ${id} lives for ${ttlMs} ms`, call.doneIndex, delivery.index);
    }
  }
}

/** Everything is there that the queue can have taken. */
function checkAll(run: RoomRun, queue: QueueRun, messages: RoomMessages, members: Memberships, copies: Copies, report: Report): void {
  if (mayHaveDropped(queue)) return;
  const member: MemberName = { queue: queue.name };
  const seen = new Set(copies.all.map(({ identity }) => identity.id));
  for (const message of messages.all) {
    const { target } = message;
    const from = messages.storedFrom(message);
    if (seen.has(message.id) || run.settings(target).mayRemove || mayBeRefused(message, queue)) continue;
    if (messages.isFor(message, member) !== "yes" || members.mayHaveLeft(target, member, from, run.drained)) continue;
    report.add("lost", `${message} never came to queue ${queue.name}, a member of ${nameOfTarget(target)}`, from, queue.scan?.index ?? -1);
  }
}

/** Whether what the queue took may be gone without anybody having seen it. */
const mayHaveDropped = ({ settings, purges, slips }: QueueRun): boolean =>
  settings.mayOverflow || settings.mayBeTooSmall || purges.length > 0 || (settings.mayDiscard && slips.length >= settings.maxAttemptsMin);

/** What may expire, or has no key where one is asked for, need not come. */
const mayBeRefused = ({ emits }: RoomMessage, { settings }: QueueRun): boolean =>
  emits.some(({ invoked: { ttlMs, key } }) => ttlMs !== undefined || (key === undefined && settings.ordering === "key"));
