import type { Copies, Copy } from "./copy.js";
import type { Lease } from "./lease.js";
import { type Run, type SettleCall, tokenKey } from "./run.js";
import type { Report } from "./violation.js";

/** Judges leases, their tokens and their settlements: L1 to L3. */
export function checkLeases(run: Run, copies: Copies, report: Report): void {
  const byToken = new Map<string, Lease>();
  const repeated = new Set<string>();
  for (const lease of copies.leases) {
    const known = byToken.get(lease.key);
    if (known === undefined) byToken.set(lease.key, lease);
    else repeated.add(lease.key);
    if (known !== undefined) report.add("repeated-token", `${lease} was the token of ${known}`, known.delivery.index, lease.delivery.index);
    else checkLife(run, lease, report);
    checkExpiry(run, lease, report);
  }
  for (const copy of copies.all)
    for (let at = 1; at < copy.leases.length; at++) checkNext(copy, copy.leases[at - 1], copy.leases[at], report);
  const settled = new Map<string, SettleCall>();
  for (const call of run.settles.list) {
    const key = tokenKey(call.invoked.token);
    const lease = byToken.get(key);
    // What a token says that means two leases cannot be judged.
    if (repeated.has(key)) continue;
    if (call.ok !== undefined) checkAccepted(call, lease, settled, report);
    else if (call.code === "STALE_LEASE" && lease !== undefined) checkRefused(call, lease, report);
  }
}

function checkLife(run: Run, { delivery, key, lifeEnd }: Lease, report: Report): void {
  const runs = run.lives.findLast(({ start }) => start < delivery.index);
  if (runs?.life !== delivery.token.life || lifeEnd < delivery.index)
    report.add("repeated-token", `token ${key} was given in life ${runs?.life}`, runs?.start ?? -1, delivery.index);
  const again = run.lives.find(({ life, start }) => life === runs?.life && start < (runs?.start ?? 0));
  if (again !== undefined)
    report.add("repeated-token", `token ${key} is of a life number that was used before`, again.start, delivery.index);
}

/** A lease is cut short when it runs out before its time, extensions that may have had an effect included. */
function checkExpiry(run: Run, lease: Lease, report: Report): void {
  const expired = run.expired.get(lease.key);
  if (expired !== undefined && expired.at < lease.untilMin)
    report.add("early-retry", `${lease} ran out at ${expired.at}, before ${lease.untilMin}`, lease.delivery.index, expired.index);
}

function checkNext(copy: Copy, before: Lease | undefined, next: Lease | undefined, report: Report): void {
  if (before === undefined || next === undefined || before.key === next.key) return;
  const { token, index } = next.delivery;
  const sameLife = before.delivery.token.life === token.life;
  if (sameLife && token.number <= before.delivery.token.number)
    report.add("overlapped", `${next} is not newer than token ${before.key}`, before.delivery.index, index);
  if (sameLife && before.mayEnd > index)
    report.add("overlapped", `${next} was delivered while token ${before.key} was open`, before.delivery.index, index);
  // Also one that was accepted while the next delivery was under way: had the lease been over, the ack were stale.
  const acked = before.settles.find(({ invoked, ok }) => ok !== undefined && invoked.verb === "ack" && invoked.index < index);
  if (acked !== undefined)
    report.add("redelivered", `${copy} token ${before.key} was acked, and came as token ${next.key}`, acked.doneIndex, index);
}

interface Stale {
  readonly why: string;
  /** The event that ended the lease. */
  readonly since: number;
}

/** A settlement was accepted: its lease must have been open at some moment of the call. */
function checkAccepted(call: SettleCall, lease: Lease | undefined, settled: Map<string, SettleCall>, report: Report): void {
  const { invoked, doneIndex } = call;
  const key = tokenKey(invoked.token);
  const stale = whyStale(call, lease, settled.get(key));
  if (invoked.verb !== "extend" && !settled.has(key)) settled.set(key, call);
  if (stale === undefined) return;
  const text = `${invoked.verb} of ${lease ?? `token ${key}`} by ${invoked.consumer} was accepted, ${stale.why}`;
  report.add("stale-accepted", text, lease?.delivery.index ?? -1, stale.since, invoked.index, doneIndex);
}

function whyStale({ invoked, doneIndex }: SettleCall, lease: Lease | undefined, settled: SettleCall | undefined): Stale | undefined {
  const { consumer, index } = lease?.delivery ?? {};
  if (lease === undefined || index === undefined || index > doneIndex)
    return { why: "and the token was never given", since: invoked.index };
  if (consumer !== invoked.consumer) return { why: `and the token is of ${consumer}`, since: index };
  if (settled !== undefined && (invoked.verb !== "extend" || settled.doneIndex < invoked.index))
    return { why: "and the token was settled before", since: settled.doneIndex };
  const next = lease.copy.leases[lease.copy.leases.indexOf(lease) + 1]?.delivery;
  if (next !== undefined && next.index < invoked.index) return { why: "and a newer delivery had superseded it", since: next.index };
  const over = Math.min(Number.POSITIVE_INFINITY, ...lease.enders.filter(({ proven }) => !proven).map(({ sure }) => sure));
  return over < invoked.index ? { why: "and the lease was over", since: over } : undefined;
}

/**
 * A settlement was refused as stale: its lease must have been over at some moment before the answer. Whatever may have
 * ended it excuses the refusal, also a settlement whose outcome nobody knows.
 */
function checkRefused({ invoked, doneIndex }: SettleCall, lease: Lease, report: Report): void {
  if (lease.delivery.consumer !== invoked.consumer || lease.delivery.index > invoked.index) return;
  if (lease.mayEnd > doneIndex)
    report.add(
      "stale-refused",
      `${invoked.verb} of ${lease} was refused while its lease was open`,
      lease.delivery.index,
      invoked.index,
      doneIndex,
    );
}
