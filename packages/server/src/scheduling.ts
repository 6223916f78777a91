import type { Page, QueueAddress } from "./engine.js";

/** What a schedule publishes, and when. */
export interface SchedulePlan {
  /** Five fields, six with seconds before them, or a name such as `@daily`. */
  readonly cron: string;
  /** An IANA name such as `Europe/Berlin`. */
  readonly timezone: string;
  /** The message, as one packed record; each occurrence has an id of its own in place of the record's. */
  readonly record: Uint8Array;
}

/** A schedule as `schedules` shows it. */
export interface StoredSchedule extends SchedulePlan {
  readonly name: string;
  /** When it publishes next; undefined when its time zone is not known any more on this machine. */
  readonly next: number | undefined;
  /** The occurrence it came to last, published or skipped. */
  readonly last: number | undefined;
  readonly published: number;
  /** Occurrences that the queue refused. */
  readonly skipped: number;
}

/** Repeating publishes: a part of the engine contract. All fail with `NOT_FOUND` for a queue that does not exist. */
export interface Scheduling {
  /**
   * Publishes the message again and again, at the times that the pattern names by the engine's clock. Resolves to the next
   * one, once the schedule survives a crash. One with the same name is replaced; the same plan again changes nothing.
   *
   * Each occurrence is stored at the queue's end as any publish, in one commit with the note that it was, so that no crash
   * doubles or loses it. Its id is made of the schedule's name and its time. Times that passed while the engine was down
   * (or the disk full) come as one, late. One that the queue refuses, for it is full, is skipped, and `onSkipped` tells it.
   *
   * `BAD_REQUEST` for a pattern or zone that does not exist or names no time, and for a message that the queue would not
   * take; `TOO_LARGE` above 1,000 schedules of a queue or 10,000 of a namespace; `DISK_FULL`.
   */
  schedule(address: QueueAddress, name: string, plan: SchedulePlan): Promise<number>;
  /** Ends a schedule; what it published stays. `NOT_FOUND` when there is none of that name. */
  unschedule(address: QueueAddress, name: string): Promise<void>;
  /** The queue's schedules by name, those after `after`. A page may be shorter than `limit`, and have a `next` all the same. */
  schedules(address: QueueAddress, after: string | undefined, limit: number): Promise<Page<StoredSchedule, string>>;
}
