import type { Call, Done, Moment } from "./history.js";

/** What happened to schedules. Each has a queue of its own; one that is set in place of another is another one. */
export type ScheduleEvent = Schedule | ScheduleDone | ScheduleAgain | Unschedule | UnscheduleDone | Chimes;

/** A schedule is set. Its name has two parts: those with the same first part replace each other, and have one queue. */
export interface Schedule extends Call {
  readonly type: "schedule";
  readonly schedule: string;
  /** It comes with each second of the minute (UTC) that this divides. */
  readonly everySeconds: number;
}

/** `next`: its first time. */
export type ScheduleDone = Done<"schedule-done", { readonly next: number }>;

/** A schedule was set as it was, which changed nothing. */
export interface ScheduleAgain extends Moment {
  readonly type: "schedule-again";
  readonly schedule: string;
  readonly next: number;
}

export interface Unschedule extends Call {
  readonly type: "unschedule";
  readonly schedule: string;
}

export type UnscheduleDone = Done<"unschedule-done">;

/** What came of a schedule at one time. */
export interface Chime {
  readonly schedule: string;
  /** The time that it is of, by its id. */
  readonly time: number;
  readonly sequence: number;
  readonly publishedAt: number;
}

/** At the end: all that the schedules of one queue published, and what the engine tells of the one that is there. */
export interface Chimes extends Moment {
  readonly type: "chimes";
  readonly queue: string;
  readonly chimes: readonly Chime[];
  readonly listed?: { readonly published: number; readonly skipped: number; readonly next: number | undefined };
}
