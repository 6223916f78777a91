/** Consecutive sequences, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Ranges a device remembers of what it failed to take: twice what can lie above its cursor, where they have to be exact. */
const FAILED_MAX = 256;

/**
 * Adds a range. Of too many the two lowest become one with what lies between, so that rather a message that was taken
 * counts as failed than the other way.
 */
export function addRange(ranges: Range[], range: Range): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.from <= range.from && last.to + 1 >= range.from) {
    ranges[ranges.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    return;
  }
  ranges.push(range);
  if (last !== undefined && last.from > range.from) ranges.sort((a, b) => a.from - b.from);
  const [first, second] = ranges;
  if (ranges.length > FAILED_MAX && first !== undefined && second !== undefined) ranges.splice(0, 2, { from: first.from, to: second.to });
}

/** What of the ranges lies from `from` to `to`, both included. */
export const clip = (ranges: readonly Range[], from: number, to: number): Range[] =>
  ranges.flatMap((range) => (range.to < from || range.from > to ? [] : { from: Math.max(range.from, from), to: Math.min(range.to, to) }));

export const inRanges = (ranges: readonly Range[], sequence: number): boolean =>
  ranges.some(({ from, to }) => sequence >= from && sequence <= to);
