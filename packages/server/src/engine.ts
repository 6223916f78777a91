import type { ErrorReply, ReceiptRun, SettledRun, SettleRun } from "holdfast-client/protocol";
import type { Administration } from "./administration.js";
import type { BackingUp } from "./backing-up.js";
import type { QueueOptions } from "./options.js";
import type { RoomEngine, RoomEvents } from "./room-engine.js";
import type { Scheduling } from "./scheduling.js";

/** Which queue: names are scoped by namespace. */
export interface QueueAddress {
  readonly namespace: string;
  readonly queue: string;
}

/** Messages for one queue, packed as `record.ts` describes. */
export interface AppendRequest extends QueueAddress {
  readonly count: number;
  readonly records: Uint8Array;
  /**
   * Who numbers its messages, so that a resend is recognised. `firstNumber` is the number of the first record, the
   * rest follow without a hole. Stored only when every number from `oldestOpen` before it is stored or refused for
   * good; else `PRODUCER_GAP`.
   */
  readonly producer?: { readonly id: string; readonly firstNumber: number; readonly oldestOpen: number } | undefined;
}

/** One attempt to hand a message to a consumer. Its bytes are to be read before the next turn of the event loop. */
export interface Leased {
  /** The lease's number: never given twice in a life of an engine. With `Engine.epoch` it makes the token. */
  readonly lease: number;
  readonly sequence: number;
  /** 1-based. */
  readonly attempt: number;
  readonly publishedAt: number;
  readonly leaseUntil: number;
  /** How long its queue leases. */
  readonly leaseMs: number;
  /** The record lies in `bytes` from `start` to `end`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What one consumer settles. */
export interface ConsumerRuns {
  readonly consumer: number;
  readonly runs: readonly SettleRun[];
}

/** A message as `peek` shows it. */
export interface Peeked {
  readonly sequence: number;
  readonly attempts: number;
  /** `parked`: behind others of its key; `blocked`: out of attempts, and holding its key. */
  readonly state: "ready" | "in-flight" | "delayed" | "parked" | "blocked";
  readonly publishedAt: number;
  /** One packed record. */
  readonly record: Uint8Array;
}

/** Messages a second, over the last 5 to 10 seconds, to a tenth. */
export interface QueueRates {
  readonly published: number;
  /** Handed out to consumers, each attempt. */
  readonly delivered: number;
  readonly acked: number;
}

/** Counts of a queue; promise C1 says how they add up. Times and rates are the engine's clock's. */
export interface QueueStats {
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  /** Behind others of their key, or blocked. */
  readonly parked: number;
  /** Keys that are held until somebody skips or retries the message at their head: see the option `poison`. */
  readonly blocked: number;
  /** Dead-lettered (or discarded, with `deadLetter: false`) since the queue was created. */
  readonly dead: number;
  readonly acked: number;
  readonly expired: number;
  readonly purged: number;
  readonly published: number;
  readonly redriven: number;
  readonly consumers: number;
  /** Bytes of the records of all messages that wait or are in flight. */
  readonly bytes: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly oldestAgeMs: number;
  readonly paused: boolean;
  readonly perSecond: QueueRates;
}

/** A page: `next` is given when there is more, and continues as `after`. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  readonly next?: Cursor;
}

/** What an engine tells; every call is made from its own turn, never from inside a method of the engine. */
export interface EngineEvents extends RoomEvents {
  /** The queue may have something to lease that it did not have when `lease` last came back short. Only a hint. */
  onWork(address: QueueAddress): void;
  /** The consumer may hold leases that it might not hold before: it is its turn in a `fifo` queue. */
  onCapacity(consumer: number): void;
  /** Leases of the consumer ended, because one before them in a `fifo` queue did or by a purge; their numbers are stale. */
  onRevoked(consumer: number, leases: readonly number[]): void;
  /** Leases of the consumer ran out unsettled; their numbers are stale. `inARow`: without a settlement between. */
  onExpired(consumer: number, leases: readonly number[], inARow: number): void;
  /** The consumer is gone: its queue was deleted, or the engine stopped and opened again (then all of them go). */
  onDetached(consumer: number, reason: "deleted" | "engine-restarted"): void;
  /** The engine removed a queue by itself: a reply queue that nobody consumed for 10 minutes. */
  onRemoved(address: QueueAddress): void;
  /** The queue refused what a schedule was to publish, for this reason; told once until it takes an occurrence again. */
  onSkipped(address: QueueAddress, schedule: string, error: ErrorReply): void;
  /** The engine stopped (`error`) or serves again (undefined). */
  onState(error: Error | undefined): void;
}

/**
 * Durable queue semantics: the one contract between the broker and whatever stores the messages.
 *
 * Every promise of a method holds once its returned promise resolved, also after `kill -9` and power loss on an engine
 * that is durable. A method that fails with a code that is not `UNKNOWN` changed nothing. After a failure of the store
 * calls fail with `UNKNOWN` (it may have happened) or `ENGINE_UNAVAILABLE` (it did not) until the engine serves again.
 *
 * decisions/003 says how each method maps to NATS JetStream.
 */
export interface Engine extends Administration, BackingUp, Scheduling, RoomEngine {
  /** `memory`, `level`: what `serve --engine` takes. */
  readonly name: string;
  /** Names this life of the engine; never given twice, by no process and no node. Changes when the store reopens. */
  readonly epoch: string;
  /** A number of this life below 2^20, for acknowledgement ids that must not repeat across lives. */
  readonly life: number;

  /** Opens the store and starts a new life. Fails when the store cannot be used, or is used by another process. */
  open(events: EngineEvents): Promise<void>;
  /**
   * Confirms what was accepted, returns every lease uncounted, and closes. Later calls fail with `SHUTTING_DOWN`. When a
   * write fails on the way it closes all the same, and fails with `UNKNOWN`: the life ended as by a crash.
   */
  close(): Promise<void>;

  /**
   * Creates the queue or changes the given options; the others keep their value. `ordering` changes only while the
   * queue is empty, else `BAD_REQUEST`.
   *
   * A reply queue (`isReplyQueue`) that nobody consumes for 10 minutes is removed, and `onRemoved` tells it; a new life
   * counts from its beginning.
   */
  define(address: QueueAddress, options: Partial<QueueOptions>): Promise<void>;
  /** The options in force, or undefined when there is no such queue. Synchronous: the broker asks per request. */
  options(address: QueueAddress): QueueOptions | undefined;
  /** Removes the queue with everything in it; its consumers get `onDetached`. `NOT_FOUND` when there is none. */
  remove(address: QueueAddress): Promise<void>;
  /** Names of a namespace's queues in order, those after `after`. */
  list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>>;

  /**
   * Stores messages, each at the queue's end in the order given, and resolves once they survive a crash. A message
   * stored before (same producer number, or same chosen id within the dedup window) gives its first receipt.
   *
   * A message above `depthMax` or `bytesMax` is `QUEUE_FULL`, or pushes out the oldest ones that are not in flight, in
   * its own commit. What arrives as a dead letter is never refused. With `atomic`, what no empty queue has room for is
   * `QUEUE_FULL` and not retryable.
   *
   * A priority that is not below `priorities`, or above 0 where there is an order, is `BAD_REQUEST`.
   *
   * A queue that does not exist is created with the defaults; whether that may be is the broker's to say.
   *
   * Without `atomic`, each message has its own fate, told in the runs. With it, all requests are stored in one commit
   * or the call fails and none is.
   */
  append(requests: readonly AppendRequest[], atomic: boolean): Promise<readonly (readonly ReceiptRun[])[]>;

  /** Adds a consumer that may hold `maxInFlight` leases; resolves to its number, never given twice in a life. */
  attach(address: QueueAddress, maxInFlight: number): Promise<number>;
  /** How many more leases the consumer may hold now. Synchronous; 0 for an unknown one. */
  capacity(consumer: number): number;
  /**
   * About how many messages the consumer's queue has that nobody holds: never fewer than could be leased now, and more where some
   * wait for others of their key or for a backoff. Synchronous; `Infinity` when that is not known, 0 for an unknown consumer.
   */
  waiting(consumer: number): number;
  /** The numbers of the leases the consumer holds, rising. Synchronous; empty for an unknown one. */
  leasesOf(consumer: number): readonly number[];
  /**
   * Removes a consumer; its leases become stale and their messages ready at once, without backoff.
   *
   * @param counted whether those deliveries count as attempts
   */
  detach(consumer: number, counted: boolean): Promise<void>;

  /**
   * Leases up to `count` ready messages of at most about `bytesMax` in total (always at least one) to the consumer,
   * within its capacity and the queue's `ratePerSecondMax`. Returns what it leased, at once when the attempts are sure to be counted
   * after a crash, else as a promise that resolves when they are; empty when nothing is ready. Without an order the highest priority goes first, and of any 16 leases in a row each level that has
   * something ready gets one. After it came back short, `onWork` tells when to ask again. The leases of one call have
   * consecutive numbers and one `leaseUntil`. Calls for one consumer do not overlap.
   *
   * @param wanted how many it would take with the calls to come, this one included: what is stored for them meanwhile may
   *   be marked as leased ahead. `count` when not given
   */
  lease(consumer: number, count: number, bytesMax: number, wanted?: number): readonly Leased[] | Promise<readonly Leased[]>;

  /**
   * Settles leases of the consumer and resolves once that survives a crash: an acked message never comes again. The
   * result has the fate of each settlement in order; a lease that is not the consumer's, not open any more, or of
   * another life is `STALE_LEASE` and changes nothing.
   *
   * A message with `replyTo` that dies, by this or because its attempts are over, leaves an answer `DIED_EVENT` in that
   * queue if it is there, in the same commit.
   */
  settle(consumer: number, runs: readonly SettleRun[]): Promise<readonly SettledRun[]>;
  /** As `settle`, of many consumers, in order and in one commit; each has its own results. */
  settleAll(settlements: readonly ConsumerRuns[]): Promise<readonly (readonly SettledRun[])[]>;

  /**
   * Lets a blocked key go on: its head goes to the dead letters (`skip`, with that reason), or comes again with all its
   * attempts (`retry`). Of a `fifo` queue it is the key of the message that holds it, or an empty text for whichever does.
   * `NOT_FOUND` when it is not blocked.
   */
  unblock(address: QueueAddress, key: string, action: "skip" | "retry"): Promise<void>;

  stats(address: QueueAddress): Promise<QueueStats>;
  /** Messages with a sequence above `after`, in order, without leasing them; dead letters are in their own queue. */
  peek(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>>;
}
