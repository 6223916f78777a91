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

/** A lease that is not surely over, with what is asked of it at every step. */
interface Open {
  readonly lease: Lease;
  readonly delayed: boolean;
  sureEnd: number;
  /** That it may be ended by another one, without being sure, is noted: once is enough, for the first is the widest. */
  mayEnd: boolean;
}

/** An end that may still come into force. */
interface UnderWay {
  readonly ended: Ender;
  readonly of: Copy;
  readonly delayed: boolean;
}

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
  let open: Open[] = [];
  let underWay: UnderWay[] = [];
  for (const step of steps) {
    open = open.filter(({ sureEnd }) => sureEnd > step.index);
    underWay = underWay.filter(({ ended }) => ended.sure > step.index);
    if ("delivered" in step) {
      const { copy, enders, delivery } = step.delivered;
      // A message that comes again has put an end to what was under way for it before.
      underWay = underWay.filter(({ of }) => of !== copy);
      const delayed = isDelayed(copy);
      const mayEnd = underWay.some((other) => copy.sequence > other.of.sequence || delayed || other.delayed);
      if (mayEnd) enders.push(endedBy(delivery.index, Number.POSITIVE_INFINITY));
      open.push({ lease: step.delivered, delayed, sureEnd: step.delivered.sureEnd, mayEnd });
    } else {
      const { ended, of } = step;
      const delayed = isDelayed(of);
      for (const one of open) endByOther(one, { ended, of, delayed }, step.index);
      underWay.push({ ended, of, delayed });
    }
  }
}

const isDelayed = ({ identity }: Copy): boolean => identity.publishes.some(({ invoked }) => (invoked.delayMs ?? 0) > 0);

function endByOther(one: Open, other: UnderWay, index: number): void {
  const { copy, enders } = one.lease;
  const anyOrder = one.delayed || other.delayed;
  if (copy === other.of || !(copy.sequence > other.of.sequence || anyOrder)) return;
  const sure = anyOrder ? Number.POSITIVE_INFINITY : other.ended.sure;
  if (sure === Number.POSITIVE_INFINITY && one.mayEnd) return;
  if (sure === Number.POSITIVE_INFINITY) one.mayEnd = true;
  enders.push(endedBy(index, sure));
  one.sureEnd = Math.min(one.sureEnd, sure);
}

const endedBy = (from: number, sure: number): Ender => ({
  how: "fifo",
  from,
  sure,
  kept: Number.POSITIVE_INFINITY,
  counts: "either",
  notBefore: Number.NEGATIVE_INFINITY,
  proven: false,
});
