import type { DeathReason, Moment } from "./history.js";

/** What happened to the reply queue of a run. */
export type ReplyEvent = Replies | RepliesGone;

/** An answer to a message that died. */
export interface Answer {
  readonly correlationId: string | undefined;
  /** The message that it says is dead, and why. */
  readonly id: string;
  readonly reason: DeathReason;
}

/** At the end, with nothing in between after the counts of all queues: what the reply queue has. All messages of the queues `of` ask for answers there. */
export interface Replies extends Moment {
  readonly type: "replies";
  readonly of: readonly string[];
  /** How many it ever had; undefined when it is gone, for nobody consumed it. */
  readonly published: number | undefined;
  readonly answers: readonly Answer[];
}

/** Nobody consumed the reply queue for longer than it stays. */
interface RepliesGone extends Moment {
  readonly type: "replies-gone";
  readonly gone: boolean;
}
