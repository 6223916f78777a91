/**
 * Where a message stands among those of its key: by the time from which it could first be delivered (when it was
 * published, or when its delay ended), then by sequence. It never changes, so the order survives whatever happens.
 */
export interface Rank {
  readonly time: number;
  readonly sequence: number;
}

/** Whether `a` comes before `b`. */
export const isBefore = (a: Rank, b: Rank): boolean => (a.time === b.time ? a.sequence < b.sequence : a.time < b.time);
