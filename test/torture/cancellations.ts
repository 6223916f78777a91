import type { Clocks } from "./clocks.js";
import type { HistoryLine } from "./history-file.js";

type SettleLine = Extract<HistoryLine, { readonly type: "settle" }>;

const NS_PER_MS = 1e6;

/** A server may see later than its client that a connection is lost. */
const LAG_NS = 100 * NS_PER_MS;

/** What is known of the leases of a consumer. */
interface Held {
  readonly maxInFlight: number;
  /** Of each delivery that it saw and did not settle, by the number of its lease, when that ran out. */
  readonly untilNs: Map<number, number>;
  /** When it sent the last settlement that was taken: until then it was no consumer that never answers. */
  answeredNs: number;
  /** When it was gone, by what it knows. */
  endNs: number;
}

/**
 * When the server may have cancelled consumers that let `maxInFlight` leases in a row run out, though they did not hear of it, since
 * their connection was lost by then: what they held besides counts no attempt.
 *
 * @param lines of all processes, in order
 */
export function cancellationsOf(lines: readonly HistoryLine[], clocks: Clocks): Map<string, number> {
  const consumers = new Map<string, Held>();
  const settlements = new Map<number, { readonly held: Held; readonly line: SettleLine }>();
  for (const line of lines) {
    if (line.type === "attached" && line.maxInFlight !== undefined) {
      consumers.set(line.consumer, {
        maxInFlight: line.maxInFlight,
        untilNs: new Map(),
        answeredNs: Number.NEGATIVE_INFINITY,
        endNs: Number.POSITIVE_INFINITY,
      });
    } else if (line.type === "detach") {
      const held = consumers.get(line.consumer);
      if (held !== undefined) held.endNs = Math.min(held.endNs, line.ns);
    } else if (line.type === "delivery") {
      consumers.get(line.consumer)?.untilNs.set(line.token.number, clocks.nsOf(line.leaseUntil, line.ns));
    } else if (line.type === "settle") {
      const held = consumers.get(line.consumer);
      if (held !== undefined) settlements.set(line.call, { held, line });
    } else if (line.type === "settle-done" && line.outcome === "ok") {
      const settled = settlements.get(line.call);
      if (settled === undefined) continue;
      const { held, line: settle } = settled;
      held.answeredNs = Math.max(held.answeredNs, settle.ns);
      if (settle.verb === "extend") held.untilNs.set(settle.token.number, settle.ns + (settle.leaseMs ?? 0) * NS_PER_MS);
      else held.untilNs.delete(settle.token.number);
    }
  }
  const cancelled = new Map<string, number>();
  for (const [consumer, { maxInFlight, untilNs, answeredNs, endNs }] of consumers) {
    const inARow = [...untilNs.values()].filter((ns) => ns > answeredNs).sort((a, b) => a - b);
    const last = inARow[maxInFlight - 1];
    if (last !== undefined && last < endNs + LAG_NS) cancelled.set(consumer, last);
  }
  return cancelled;
}
