import type { Wake } from "../time-heap.js";
import type { Deadline } from "./deadlines.js";
import { type Gap, untellGaps } from "./gaps.js";
import type { Member } from "./member.js";
import { Progress } from "./progress.js";
import type { Range } from "./ranges.js";
import type { Session } from "./session.js";

const NEVER = Number.POSITIVE_INFINITY;

/** One device of a member in one room, or the cursor that feeds a queue. */
export class Device {
  readonly member: Member;
  readonly name: string;
  progress: Progress;
  /** Where it began: what was before says nothing of it. */
  start: number;
  /** Told until acknowledged, by sequence. */
  gaps: Gap[] = [];
  /** What it never got, as far as the room still has it: for the ledger. */
  failed: Range[] = [];
  /** It was a member's first device, joined, or settled something: no join lets it begin earlier any more. */
  begun: boolean;
  lastSeen: number;
  session: Session | undefined;
  /** When what was sent comes again, when gaps are told again, and when what was nacked comes again. */
  leaseUntil = NEVER;
  /** When a message was sent to it last. */
  sentAt = 0;
  gapUntil = NEVER;
  resumeAt = NEVER;
  /** When it is sent what is withheld at the end of a stretch, and whether it is: it settled nothing for a while. */
  restAt = NEVER;
  takesRest = false;
  /** When the room looks at it next. */
  wake: Wake<Deadline> | undefined;
  /** It is to be written with the next tick. */
  dirty = false;

  constructor(member: Member, name: string, cursor: number, begun: boolean, now: number, start = cursor, sentMax = cursor) {
    this.member = member;
    this.name = name;
    this.start = start;
    this.begun = begun;
    this.lastSeen = now;
    this.progress = new Progress(cursor, sentMax);
  }

  get deadline(): number {
    return Math.min(this.leaseUntil, this.gapUntil, this.resumeAt, this.restAt);
  }

  /** From now on it is sent whole stretches while it is far behind. */
  withhold(): void {
    this.restAt = NEVER;
    this.takesRest = false;
  }

  /** All that it has in hand is leased until then. */
  lease(until: number): void {
    this.leaseUntil = this.progress.front === NEVER ? NEVER : until;
    this.progress.lease();
  }

  /** Begins earlier; nothing was settled yet. */
  moveTo(sequence: number): void {
    this.progress = new Progress(sequence);
    this.start = sequence;
    this.leaseUntil = NEVER;
    this.resumeAt = NEVER;
    this.withhold();
  }

  /** A session begins or ends; nothing is on its way. */
  reset(): void {
    this.progress.beginSession();
    this.leaseUntil = NEVER;
    this.resumeAt = NEVER;
    this.gapUntil = NEVER;
    untellGaps(this.gaps);
    this.withhold();
  }
}
