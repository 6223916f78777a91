import type { Copies, Copy } from "./copy.js";
import type { Run } from "./run.js";
import type { Report } from "./violation.js";

/** Judges delays and times to live, T1 and T2, and purges, G1. */
export function checkTimes(run: Run, copies: Copies, report: Report): void {
  for (const copy of copies.all) {
    checkDelay(run, copy, report);
    checkTimeToLive(copy, report);
  }
  checkPurges(run, copies, report);
}

/**
 * The engine took the publish when it was invoked or later, so it is not due earlier than this. What became due in an
 * earlier life may come although the clock was set back since: the server's clock did show the time.
 */
function checkDelay(run: Run, copy: Copy, report: Report): void {
  const [first] = copy.leases;
  const { storedAt, sources } = copy;
  if (first === undefined || storedAt === undefined) return;
  const { delivery } = first;
  const delayMs = Math.min(...sources.map(({ invoked }) => invoked.delayMs ?? 0));
  const leasedAtMax = Math.min(delivery.at, delivery.leaseUntil - copy.queue.settings.leaseMsMin);
  const due = storedAt.min + delayMs;
  if (delayMs === 0 || leasedAtMax >= due) return;
  const lifeStart = run.life(delivery.token.life, delivery.index)?.start ?? -1;
  if (run.timeline.indexAt(due, Math.min(...sources.map(({ invoked }) => invoked.index))) >= lifeStart)
    report.add("early", `${first} was leased at ${leasedAtMax}, due at ${due}`, copy.sources[0]?.invoked.index ?? -1, first.delivery.index);
}

/**
 * A dead letter may well be expired, and whether a redrive starts the time anew is not said: only what was published is
 * judged. The lease must be in time; handing it over may take longer.
 */
function checkTimeToLive(copy: Copy, report: Report): void {
  const { storedAt } = copy;
  if (storedAt === undefined) return;
  const ttlMs = Math.max(...copy.sources.map(({ invoked }) => invoked.ttlMs ?? Number.POSITIVE_INFINITY));
  const expiresAt = storedAt.max + ttlMs;
  for (const lease of copy.leases) {
    const { at, leaseUntil, index } = lease.delivery;
    const leasedAtMin = Math.min(at, leaseUntil - copy.queue.settings.leaseMsMax);
    if (leasedAtMin > expiresAt)
      report.add(
        "expired-delivered",
        `${lease} was leased at ${leasedAtMin}, expired at ${expiresAt}`,
        copy.sources[0]?.invoked.index ?? -1,
        index,
      );
  }
}

/** After a purge's answer nothing at or below what it purged is delivered, or stored. What is above it is `lost` if it is gone. */
function checkPurges(run: Run, copies: Copies, report: Report): void {
  for (const queue of run.queues.values()) {
    const done = queue.purges.flatMap(({ ok }) => (ok === undefined ? [] : [ok])).sort((a, b) => a.index - b.index);
    if (done.length === 0) continue;
    const leases = copies.leases.filter(({ copy }) => copy.queue === queue);
    let next = 0;
    let purged: { through: number; index: number } | undefined;
    const advance = (until: number): void => {
      for (let ok = done[next]; ok !== undefined && ok.index < until; ok = done[++next])
        if (ok.through > (purged?.through ?? -1)) purged = ok;
    };
    for (const lease of leases) {
      advance(lease.delivery.index);
      if (purged !== undefined && lease.copy.sequence <= purged.through)
        report.add("purge", `${lease} came after a purge through sequence ${purged.through}`, purged.index, lease.delivery.index);
    }
    advance(queue.scan?.index ?? 0);
    for (const { id, sequence } of queue.scan?.messages ?? []) {
      if (purged !== undefined && sequence <= purged.through)
        report.add(
          "purge",
          `queue ${queue.name} id ${id} sequence ${sequence} is stored after a purge through ${purged.through}`,
          purged.index,
        );
    }
  }
}
