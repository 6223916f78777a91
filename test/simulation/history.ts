import type { ReplyEvent } from "./reply-history.js";
import type { RoomEvent } from "./room-history.js";
import type { ScheduleEvent } from "./schedule-history.js";

/**
 * What happened in a run, in one total order, as seen from outside the engine. The checker judges it afterwards.
 *
 * A call of a client is two events, when it was invoked and when it was done, joined by its `call` number. It takes
 * effect at some moment between the two. `ok` and `fail` are what the client was told. `info` is everything else: a
 * crash, a timeout or `UNKNOWN`; a call that was never done is `info` too. It may have taken effect, or still may.
 * A network that duplicates a call makes each copy a call of its own.
 */
export type HistoryEvent =
  | RoomEvent
  | ScheduleEvent
  | ReplyEvent
  | Define
  | Publish
  | PublishDone
  | Delivery
  | Settle
  | SettleDone
  | Expired
  | Attached
  | Detach
  | DetachDone
  | Restart
  | Crash
  | Shutdown
  | ClockJump
  | Pause
  | Purge
  | PurgeDone
  | Redrive
  | RedriveDone
  | KeyAction
  | KeyActionDone
  | Remove
  | RemoveDone
  | CommitBegun
  | Examined
  | Synced
  | Peek
  | Drained
  | Scan
  | Stats;

export interface Moment {
  /** Position in the total order of the run; rises with every event. */
  readonly index: number;
  /** What the server's clock says, in ms. It never goes back within a life; between two lives it may. */
  readonly at: number;
}

export interface Call extends Moment {
  /** Unique in the run. */
  readonly call: number;
}

/** How a call ended; `Ok` is what the client was told with it. */
export type Done<Type extends string, Ok = object> = Call & { readonly type: Type } & (
    | ({ readonly outcome: "ok" } & Ok)
    | { readonly outcome: "fail"; readonly code: string }
    | { readonly outcome: "info" }
  );

/** Fences a lease: the life of the engine that gave it, and its number there. */
export interface Token {
  readonly life: number;
  readonly number: number;
}

/** Options of a queue, resolved, as its user sees them. */
export interface QueueSettings {
  readonly ordering: "none" | "key" | "fifo";
  readonly leaseMs: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  readonly backoff:
    | {
        readonly type: "fixed" | "exponential";
        readonly delayMs: number;
        readonly delayMaxMs: number;
        /** Part of the delay that is random, 0 to 1. */
        readonly jitter: number;
      }
    | { readonly type: "list"; readonly delaysMs: readonly number[] };
  readonly poison: "dead-letter" | "block";
  /** Two queues with a dead-letter queue in common are judged less sharply. */
  readonly deadLetter: string | false;
  readonly dedupWindowMs: number;
  /** Limits of the queue; left out or 0: none. */
  readonly depthMax?: number;
  readonly bytesMax?: number;
  readonly ratePerSecondMax?: number;
  readonly overflow?: "reject" | "dead-letter-oldest";
}

/** The queue has these options from about here on. A queue without one is judged by what holds with any options. */
interface Define extends Moment {
  readonly type: "define";
  readonly queue: string;
  readonly options: QueueSettings;
}

export interface Publish extends Call {
  readonly type: "publish";
  readonly queue: string;
  /** Chosen by the application, or made of the producer's id and number. */
  readonly id: string;
  /** Its sender numbers its messages of this queue, from 1 on. */
  readonly producer?: { readonly id: string; readonly number: number };
  /** An ordered connection: calls of one channel reach the engine in the order they were invoked. */
  readonly channel?: string;
  /** Messages with the same number are all stored or none. */
  readonly batch?: number;
  /** The body, or a digest of it. */
  readonly body: string;
  readonly event?: string;
  readonly key?: string;
  readonly delayMs?: number;
  readonly ttlMs?: number;
}

/** `fail`: this call stored nothing and never will. */
export type PublishDone = Done<"publish-done", { readonly id: string; readonly sequence: number; readonly duplicate: boolean }>;

/** The engine handed a lease over. Recorded in the order in which it does. */
export interface Delivery extends Moment {
  readonly type: "delivery";
  readonly queue: string;
  readonly consumer: string;
  readonly token: Token;
  readonly id: string;
  readonly sequence: number;
  /** 1-based. */
  readonly attempt: number;
  readonly body: string;
  readonly event?: string;
  readonly key?: string;
  readonly publishedAt: number;
  readonly leaseUntil: number;
}

export interface Settle extends Call {
  readonly type: "settle";
  readonly consumer: string;
  readonly token: Token;
  readonly verb: "ack" | "nack" | "reject" | "release" | "extend";
  /** Of a nack; without it the queue's backoff holds. */
  readonly delayMs?: number;
  /** Of an extend. */
  readonly leaseMs?: number;
}

export type SettleDone = Done<"settle-done">;

/** The engine says that the lease ran out. */
export interface Expired extends Moment {
  readonly type: "expired";
  readonly consumer: string;
  readonly token: Token;
}

export interface Attached extends Moment {
  readonly type: "attached";
  /** Never the same for two attachments, nor in two lives. */
  readonly consumer: string;
  readonly queue: string;
  /** So many leases in a row that run out end the consumer; without, it does not matter here. */
  readonly maxInFlight?: number;
}

/** The consumer goes: by its own will, for a lost connection whose grace is over, or because the engine cancels it. */
export interface Detach extends Call {
  readonly type: "detach";
  readonly consumer: string;
  /** Whether its deliveries count as attempts. */
  readonly counted: boolean;
  /** The engine ended it for leases that had run out: those did count. */
  readonly afterExpiries?: true;
}

export type DetachDone = Done<"detach-done">;

/** A life starts, also the first one. */
export interface Restart extends Moment {
  readonly type: "restart";
  readonly life: number;
}

/** The life ends with nothing saved but what was durable; also when the engine stops after a failed write. */
export interface Crash extends Moment {
  readonly type: "crash";
}

/** The life ends by its own will. A crash may come between the two. */
export interface Shutdown extends Moment {
  readonly type: "shutdown";
  readonly stage: "begun" | "done";
}

/** The wall clock was moved. The server's clock must not show it before the next life. */
interface ClockJump extends Moment {
  readonly type: "clock-jump";
  readonly byMs: number;
}

/** Deliveries of the queue are held back, as was answered; or may go on, as is asked. */
export interface Pause extends Moment {
  readonly type: "pause" | "resume";
  readonly queue: string;
}

export interface Purge extends Call {
  readonly type: "purge";
  readonly queue: string;
}

/** All up to the sequence `through` are gone; and none above it, unless more may be: up to `throughMax`. */
export type PurgeDone = Done<"purge-done", { readonly count: number; readonly through: number; readonly throughMax?: number }>;

/** Dead letters go back to `queue`: all, or those named. */
export interface Redrive extends Call {
  readonly type: "redrive";
  readonly queue: string;
  readonly ids?: readonly string[];
}

export type RedriveDone = Done<"redrive-done", { readonly count: number }>;

/** What somebody does by hand about a blocked message. */
export interface KeyAction extends Call {
  readonly type: "key-action";
  readonly queue: string;
  /** Left out for a queue that is `fifo`. */
  readonly key?: string;
  readonly action: "skip" | "retry";
}

export type KeyActionDone = Done<"key-action-done">;

/** A message is taken out of a dead-letter queue. */
export interface Remove extends Call {
  readonly type: "remove";
  /** The dead-letter queue. */
  readonly queue: string;
  readonly id: string;
}

export type RemoveDone = Done<"remove-done">;

/** A commit with all that was done so far and is not in one before it goes to the store. Commits may be left out altogether. */
interface CommitBegun extends Moment {
  readonly type: "commit-begun";
  readonly commit: number;
}

/** The commit is durable. Recorded before the engine hears of it. */
interface Synced extends Moment {
  readonly type: "synced";
  readonly commit: number;
}

/** All that is on disk was looked through, in the middle of whatever goes on. */
interface Examined extends Moment {
  readonly type: "examined";
  /** What does not add up there. */
  readonly findings: readonly string[];
}

/** Some messages that a queue had during the run. It tells the sequences of dead letters nobody consumes. */
export interface Peek extends Moment {
  readonly type: "peek";
  readonly queue: string;
  /** Index of the first event after the look began, if not that of this one: it may be of any moment since. */
  readonly since?: number;
  readonly messages: readonly { readonly id: string; readonly sequence: number }[];
}

/** At the end: healthy consumers waited with room for more until nothing came, past every backoff. */
export interface Drained extends Moment {
  readonly type: "drained";
  readonly queue: string;
}

export interface ScannedMessage {
  readonly id: string;
  readonly sequence: number;
  /** `parked`: held by its key, or blocked. */
  readonly state: "ready" | "in-flight" | "delayed" | "parked" | "blocked";
  /** With the one in flight. */
  readonly attempts: number;
  readonly key?: string;
  /** Why it is dead, in a dead-letter queue. */
  readonly reason?: DeathReason;
}

export type DeathReason = "rejected" | "attempts" | "expired" | "skipped" | "overflow";

/** At the end: all that a queue has. */
export interface Scan extends Moment {
  readonly type: "scan";
  readonly queue: string;
  readonly messages: readonly ScannedMessage[];
}

/** The counts of promise C1. */
export interface Counts {
  readonly published: number;
  readonly redriven: number;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly parked: number;
  readonly dead: number;
  readonly acked: number;
  readonly expired: number;
  readonly purged: number;
}

/** At the end, after the scan and with nothing in between. */
export interface Stats extends Moment {
  readonly type: "stats";
  readonly queue: string;
  readonly counts: Counts;
}
