import type { DueList, DueMessage } from "./due-list.js";
import { PriorityLevel, priorityOf } from "./priority-level.js";

/** After so many leases each level that had something ready all the while has had its turn. */
export const TURNS = 16;

/**
 * The levels of a queue, and whose turn it is.
 *
 * Leases go round in turns. The last ten of a round belong to a level each, the lowest last; the others, and those whose
 * level has nothing ready, are the highest level's that has something. So a level waits for `TURNS` - 1 others at most.
 */
export class PriorityLevels {
  readonly lowest = new PriorityLevel(0);
  /** The levels above that ever had a message, the highest first. */
  readonly raised: PriorityLevel[] = [];
  /** The lists of all levels. */
  readonly lists: DueList[] = [...this.lowest.lists];
  #turn = 0;

  /** The list of that number, whose level is there from now on. */
  list(number: number): DueList {
    if (number === this.lowest.failed.number) return this.lowest.failed;
    const priority = priorityOf(number);
    const known = this.raised.find((level) => level.priority === priority);
    return (known ?? this.#raise(priority)).list(number);
  }

  #raise(priority: number): PriorityLevel {
    const level = new PriorityLevel(priority);
    // So that the next life knows of it.
    for (const list of level.lists) list.markDirty = true;
    this.lists.push(...level.lists);
    this.raised.push(level);
    this.raised.sort((a, b) => b.priority - a.priority);
    return level;
  }

  /** The level that leases next; undefined when none above the lowest has anything ready, so that there is no choice. */
  choose(now: number, isLowestReady: boolean): PriorityLevel | undefined {
    const owner = TURNS - 1 - this.#turn;
    let highest: PriorityLevel | undefined;
    for (const level of this.raised) {
      if (level.ready(now) === undefined) continue;
      if (level.priority === owner) return level;
      highest ??= level;
    }
    return highest !== undefined && owner === 0 && isLowestReady ? this.lowest : highest;
  }

  tookTurn(): void {
    this.#turn = (this.#turn + 1) % TURNS;
  }

  /** When the next message that waits for a time becomes due; undefined while what goes before it is being read. */
  get nextDue(): number | undefined {
    if (this.needsRaised) return undefined;
    let next: number | undefined;
    for (const { nextDue } of this.lists) if (nextDue !== undefined && (next === undefined || nextDue < next)) next = nextDue;
    return next;
  }

  isReady(now: number): boolean {
    return this.lists.some((list) => list.isReady(now));
  }

  get needsLoading(): boolean {
    return this.lists.some((list) => list.needsLoading);
  }

  /** What a level above the lowest has first is still to be read. */
  get needsRaised(): boolean {
    return this.raised.some((level) => level.needsLoading);
  }

  get isReading(): boolean {
    return this.lists.some(({ reading }) => reading);
  }

  /** Of the messages at hand that are not leased the one with the lowest sequence. */
  get oldest(): DueMessage | undefined {
    let oldest: DueMessage | undefined;
    for (const list of this.lists) {
      for (const message of list.waiting()) if (oldest === undefined || message.sequence < oldest.sequence) oldest = message;
    }
    return oldest;
  }

  /** Forgets entries, by their order numbers, wherever they are. */
  forget(orders: ReadonlySet<number>): void {
    for (const list of this.lists) list.forget(orders);
  }

  /** Says that there is no entry at all. */
  empty(): void {
    for (const list of this.lists) list.empty();
  }

  /** No lease is to count after the end of this life. */
  unmark(): void {
    for (const list of this.lists) list.unmark();
  }
}
