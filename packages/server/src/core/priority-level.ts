import { DueList } from "./due-list.js";

/** Due lists are numbered: two for each level, of the failed and of the new messages. */
export const failedListOf = (priority: number): number => 2 * priority;
export const newListOf = (priority: number): number => 2 * priority + 1;
export const priorityOf = (list: number): number => list >> 1;

/**
 * The messages of one priority of a queue without ordering. Those that failed, or were given back, come again when their
 * time has come, before the new ones, which are in the order of publishing. The new ones of the lowest level, 0, are the log.
 */
export class PriorityLevel {
  readonly priority: number;
  readonly failed: DueList;
  readonly fresh: DueList | undefined;
  readonly lists: readonly DueList[];

  constructor(priority: number) {
    this.priority = priority;
    this.failed = new DueList(failedListOf(priority));
    this.fresh = priority === 0 ? undefined : new DueList(newListOf(priority));
    this.lists = this.fresh === undefined ? [this.failed] : [this.failed, this.fresh];
  }

  list(number: number): DueList {
    return number === this.fresh?.number ? this.fresh : this.failed;
  }

  /** The list whose first message may be leased at `now`. */
  ready(now: number): DueList | undefined {
    if (this.failed.isReady(now)) return this.failed;
    return this.fresh?.isReady(now) === true ? this.fresh : undefined;
  }

  /** What it has first is still to be read. */
  get needsLoading(): boolean {
    return this.failed.needsLoading || this.fresh?.needsLoading === true;
  }
}
