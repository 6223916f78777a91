import type * as history from "../history.js";
import { lowerBound, upperBound } from "./bounds.js";
import { type CallRecord, mayHaveHappened } from "./calls.js";
import { LoosestSettings } from "./settings.js";

type Ok<Done> = Extract<Done, { outcome: "ok" }>;

/** What happened to one queue as a whole. */
export class QueueRun {
  readonly name: string;
  readonly settings = new LoosestSettings();
  /** Queues whose dead letters it has. */
  readonly origins: QueueRun[] = [];
  readonly purges: CallRecord<history.Purge, Ok<history.PurgeDone>>[] = [];
  readonly redrives: CallRecord<history.Redrive, Ok<history.RedriveDone>>[] = [];
  readonly keyActions: CallRecord<history.KeyAction, Ok<history.KeyActionDone>>[] = [];
  readonly removes = new Map<string, CallRecord<history.Remove, Ok<history.RemoveDone>>[]>();
  readonly peeks: history.Peek[] = [];
  /** When it was paused, and when it was to go on. */
  readonly pauses: history.Pause[] = [];
  /**
   * Indexes at which a message that waits may have counted an attempt that no delivery shows.
   *
   * A crash counts what was leased and not yet handed over, and what was written ahead as leased for a waiting consumer
   * (at most about 64 KiB of messages for each). A consumer that goes, or a lease that runs out, may take leases with it
   * that were on their way.
   */
  readonly slips: number[] = [];
  drained: history.Drained | undefined;
  scan: history.Scan | undefined;
  stats: history.Stats | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The first index after `after` at which `count` slips may have come to one message; Infinity when there were fewer. */
  slipAfter(after: number, count: number): number {
    return this.slips[upperBound(this.slips, after) + count - 1] ?? Number.POSITIVE_INFINITY;
  }

  /** How many slips were in between, both ends not counted. */
  slipsBetween(after: number, before: number): number {
    return Math.max(0, lowerBound(this.slips, before) - upperBound(this.slips, after));
  }

  /** What was done by hand, surely or not, about the message that holds the key; a `fifo` queue has one line for all keys. */
  keyActionsOf(action: "skip" | "retry", key: string | undefined): CallRecord<history.KeyAction, Ok<history.KeyActionDone>>[] {
    const ofKey = this.settings.ordering === "key";
    return this.keyActions.filter(
      (call) => mayHaveHappened(call) && call.invoked.action === action && (!ofKey || call.invoked.key === key),
    );
  }

  /** The first purge that may have taken the sequence later than `after`, as the index from which on. */
  purgedFrom(sequence: number, after: number): number {
    let from = Number.POSITIVE_INFINITY;
    for (const call of this.purges) {
      const through = call.ok?.throughMax ?? call.ok?.through ?? Number.POSITIVE_INFINITY;
      const covers = mayHaveHappened(call) && call.doneIndex > after && through >= sequence;
      if (covers) from = Math.min(from, Math.max(after, call.invoked.index));
    }
    return from;
  }
}
