import type { Copies, Copy } from "./copy.js";
import type { Ender, Lease } from "./lease.js";
import { addTo } from "./run.js";

/**
 * In a `fifo` queue a nack or an expiry makes the tokens of later messages stale (O1), so it is an end of their leases.
 *
 * A delayed message takes a place that its sequence does not tell, so it may be later than any other, and any later than it.
 * Whether that counts an attempt of theirs is not said, so either is taken. A release, or a failure after which the
 * message does not come again, because it was the last or the message expired, may do it too or not.
 */
export function endLaterLeases(copies: Copies): void {
  const leases = new Map<string, Lease[]>();
  for (const lease of copies.leases) {
    const { copy, delivery } = lease;
    if (copy.queue.settings.ordering === "fifo") addTo(leases, `${copy.queue.name}\n${delivery.token.life}`, lease);
  }
  for (const ofQueue of leases.values()) endLater(ofQueue);
}

type Step = { readonly index: number } & ({ readonly delivered: Lease } | { readonly ended: Ender; readonly of: Copy });

const ENDING_OTHERS = new Set<Ender["how"]>(["nack", "expiry", "release"]);

function endLater(leases: readonly Lease[]): void {
  const steps: Step[] = leases.map((lease) => ({ index: lease.delivery.index, delivered: lease }));
  for (const lease of leases) {
    const { copy, delivery } = lease;
    const mortal = copy.identity.publishes.some(({ invoked }) => invoked.ttlMs !== undefined);
    const last = mortal || delivery.attempt >= copy.queue.settings.maxAttemptsMin;
    for (const ender of lease.possibleEnders()) {
      if (!ENDING_OTHERS.has(ender.how)) continue;
      const sure = last || ender.how === "release" ? Number.POSITIVE_INFINITY : ender.sure;
      steps.push({ index: ender.from, ended: { ...ender, sure }, of: copy });
    }
  }
  steps.sort((a, b) => a.index - b.index);
  /** Leases not surely over, and ends that may still come into force. */
  let open: Lease[] = [];
  let underWay: { readonly ended: Ender; readonly of: Copy }[] = [];
  for (const step of steps) {
    open = open.filter((lease) => lease.sureEnd > step.index);
    underWay = underWay.filter(({ ended }) => ended.sure > step.index);
    if ("delivered" in step) {
      const { copy, enders, delivery } = step.delivered;
      // A message that comes again has put an end to what was under way for it before.
      underWay = underWay.filter(({ of }) => of !== copy);
      const may = underWay.some(({ of }) => of !== copy && mayBeLater(copy, of));
      if (may) enders.push(endedBy(delivery.index, Number.POSITIVE_INFINITY));
      open.push(step.delivered);
    } else {
      for (const lease of open) {
        if (lease.copy === step.of || !mayBeLater(lease.copy, step.of)) continue;
        const surely = !isDelayed(lease.copy) && !isDelayed(step.of);
        lease.enders.push(endedBy(step.index, surely ? step.ended.sure : Number.POSITIVE_INFINITY));
      }
      underWay.push(step);
    }
  }
}

const isDelayed = ({ identity }: Copy): boolean => identity.publishes.some(({ invoked }) => (invoked.delayMs ?? 0) > 0);

const mayBeLater = (copy: Copy, other: Copy): boolean => copy.sequence > other.sequence || isDelayed(copy) || isDelayed(other);

const endedBy = (from: number, sure: number): Ender => ({
  how: "fifo",
  from,
  sure,
  kept: Number.POSITIVE_INFINITY,
  counts: "either",
  notBefore: Number.NEGATIVE_INFINITY,
  proven: false,
});
