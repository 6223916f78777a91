/** Where a message stands among those of its key: it never changes, so the order survives whatever happens. */
export interface Rank {
  readonly sequence: number;
}

/** Whether `a` comes before `b`. */
export const isBefore = (a: Rank, b: Rank): boolean => a.sequence < b.sequence;
