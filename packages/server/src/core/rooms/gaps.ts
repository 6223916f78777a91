import type { Range } from "./ranges.js";

/** Retention overtook the device, all deliveries ended without an acknowledgement, or the time to live was over. */
export type GapReason = "retention" | "attempts" | "expired";

/** What a device will never get. */
export interface Gap extends Range {
  readonly reason: GapReason;
  /** How many of the range, both ends among them; the others came, or come. */
  readonly count: number;
  /** It was handed to the session. */
  readonly told: boolean;
}

/** Gaps that a device has at a time. A client that takes note of none must cost little, and miss nothing else. */
const GAPS_MAX = 16;

/**
 * Adds a gap, by sequence. One that continues another that was not told becomes part of it. Of too many the two of one
 * reason with the least between them become one, which counts what is missing, since what lies between may have come.
 */
export function addGap(gaps: Gap[], { from, to }: Range, reason: GapReason): void {
  const before = gaps.findLastIndex((gap) => gap.from < from);
  const last = gaps[before];
  if (last !== undefined && !last.told && last.reason === reason && last.to + 1 === from) gaps[before] = joined(last, to, to - from + 1);
  else gaps.splice(before + 1, 0, { from, to, reason, count: to - from + 1, told: false });
  if (gaps.length > GAPS_MAX) joinNearest(gaps);
}

const joined = ({ from, to, reason, count }: Gap, end: number, more: number): Gap => ({
  from,
  to: Math.max(to, end),
  reason,
  count: count + more,
  told: false,
});

/** There are more gaps than reasons, so that two have the same. */
function joinNearest(gaps: Gap[]): void {
  const lastOf = new Map<GapReason, number>();
  let nearest = { first: 0, second: 0, between: Number.POSITIVE_INFINITY };
  for (const [second, { from, reason }] of gaps.entries()) {
    const first = lastOf.get(reason);
    const between = from - (gaps[first ?? second]?.to ?? 0);
    if (first !== undefined && between < nearest.between) nearest = { first, second, between };
    lastOf.set(reason, second);
  }
  const [first, second] = [gaps[nearest.first], gaps[nearest.second]];
  if (first === undefined || second === undefined) return;
  gaps[nearest.first] = joined(first, second.to, second.count);
  gaps.splice(nearest.second, 1);
}

/** Those that were not told, which they are from now on. */
export function tellGaps(gaps: Gap[]): Gap[] {
  const untold = gaps.filter(({ told }) => !told);
  for (const [index, gap] of gaps.entries()) if (!gap.told) gaps[index] = { ...gap, told: true };
  return untold;
}

/** All are told again. */
export function untellGaps(gaps: Gap[]): void {
  for (const [index, gap] of gaps.entries()) gaps[index] = { ...gap, told: false };
}

export const hasUntold = (gaps: readonly Gap[]): boolean => gaps.some(({ told }) => !told);
