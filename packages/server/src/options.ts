import { HoldfastError, LIMITS, NAME_PATTERN } from "holdfast-client/protocol";
import { z } from "zod";
import { preview } from "./validate.js";

/** How long to wait before a failed message comes again. */
type Backoff =
  | {
      readonly type: "fixed" | "exponential";
      readonly delayMs: number;
      readonly delayMaxMs: number;
      /** Part of the delay that is random: 0 (none) to 1 (all). */
      readonly jitter: number;
    }
  | {
      readonly type: "list";
      /** After attempt n the n-th of them; the last one repeats. */
      readonly delaysMs: readonly number[];
    };

/** Every option of a queue, resolved. */
export interface QueueOptions {
  readonly ordering: "none" | "key" | "fifo";
  readonly leaseMs: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  /** What a message out of attempts does to those behind it: it leaves, or holds its key until somebody decides. */
  readonly poison: "dead-letter" | "block";
  /** The dead-letter queue's name; false discards and counts. */
  readonly deadLetter: string | false;
  readonly dedupWindowMs: number;
  /** Of messages that are published without one; 0: for ever. */
  readonly ttlMs: number;
  /** Messages that may wait or be in flight; 0: no limit. */
  readonly depthMax: number;
  /** Bytes of their records; 0: no limit. */
  readonly bytesMax: number;
  /** What gives way when a publish would pass `depthMax` or `bytesMax`: the publish, or the oldest message not in flight. */
  readonly overflow: "reject" | "dead-letter-oldest";
  /** Leases of the whole queue per second; 0: no limit. */
  readonly ratePerSecondMax: number;
  /** Levels of priority: a message may have one from 0 to one below this. */
  readonly priorities: number;
}

/** Suffix of the dead-letter queue that a queue has unless it says otherwise. */
const DEAD_SUFFIX = ".dead";

const DEFAULTS = {
  ordering: "none",
  leaseMs: 30_000,
  maxAttempts: 5,
  backoff: { type: "exponential", delayMs: 1_000, delayMaxMs: 300_000, jitter: 0.5 },
  poison: "dead-letter",
  dedupWindowMs: 600_000,
  ttlMs: 0,
  depthMax: 0,
  bytesMax: 0,
  overflow: "reject",
  ratePerSecondMax: 0,
  priorities: LIMITS.priorityMax + 1,
} as const;

const DEPTH_MAX = 1_000_000_000_000;
const BYTES_MAX = 999_999_999_999_999;
const RATE_MIN = 0.001;
const RATE_MAX = 1_000_000;
const DELAYS_MAX = 100;

/**
 * Names of reply queues: long enough that no other queue has one by chance. Consuming creates them, publishing to them never; they
 * keep no dead letters, and are removed when nobody consumed them for a while; so answers that nobody waits for do not
 * pile up.
 */
const REPLY_PATTERN = /^reply:[A-Za-z0-9_-]{16,122}$/;

export const isReplyQueue = (queue: string): boolean => REPLY_PATTERN.test(queue);

/** The options of a queue that was not defined: DESIGN.md, "Defaults". */
export function defaultOptions(queue: string): QueueOptions {
  if (queue.endsWith(DEAD_SUFFIX)) return { ...DEFAULTS, maxAttempts: 0, deadLetter: false };
  if (isReplyQueue(queue)) return { ...DEFAULTS, maxAttempts: 3, deadLetter: false };
  return { ...DEFAULTS, deadLetter: `${queue}${DEAD_SUFFIX}` };
}

/** A queue's name, or the name of its dead-letter queue, which may be longer by the suffix. */
export const isQueueName = (name: string): boolean =>
  NAME_PATTERN.test(name) || (name.endsWith(DEAD_SUFFIX) && NAME_PATTERN.test(name.slice(0, -DEAD_SUFFIX.length)));

const nameOf = (field: string): z.ZodString =>
  z.string().refine(isQueueName, { error: ({ input }) => `${field} is ${preview(input)}, expected ${NAME_PATTERN.source}` });

export const queueName = nameOf("queue");
export const replyToName = nameOf("replyTo");

const delayMs = z.int().min(0).max(LIMITS.delayMsMax);

const backoff = z
  .discriminatedUnion(
    "type",
    [
      z.strictObject({
        type: z.enum(["fixed", "exponential"]),
        delayMs,
        delayMaxMs: delayMs.optional(),
        jitter: z.number().min(0).max(1).default(0),
      }),
      z.strictObject({ type: z.literal("list"), delaysMs: z.array(delayMs).min(1).max(DELAYS_MAX) }),
    ],
    { error: '"fixed", "exponential" or "list"' },
  )
  // What was asked for in so many words is what is meant: a longer delay than the default maximum, and none that is random.
  .transform((given) =>
    given.type === "list" ? given : { ...given, delayMaxMs: given.delayMaxMs ?? Math.max(given.delayMs, DEFAULTS.backoff.delayMaxMs) },
  );

const rate = z.number().refine((value) => value === 0 || (value >= RATE_MIN && value <= RATE_MAX), {
  error: ({ input }) => `ratePerSecondMax is ${String(input)}, expected 0 (no limit) or ${RATE_MIN} to ${RATE_MAX}`,
});

/** Options as a caller may give them; unknown ones are refused by name. */
export const queueOptions = z.strictObject({
  ordering: z.enum(["none", "key", "fifo"]).optional(),
  leaseMs: z.int().min(LIMITS.leaseMsMin).max(LIMITS.leaseMsMax).optional(),
  maxAttempts: z.int().min(0).max(1_000_000).optional(),
  backoff: backoff.optional(),
  poison: z.enum(["dead-letter", "block"]).optional(),
  deadLetter: z.union([nameOf("deadLetter"), z.literal(false)]).optional(),
  dedupWindowMs: z.int().min(0).max(604_800_000).optional(),
  ttlMs: z.int().min(0).max(LIMITS.ttlMsMax).optional(),
  depthMax: z.int().min(0).max(DEPTH_MAX).optional(),
  bytesMax: z.int().min(0).max(BYTES_MAX).optional(),
  overflow: z.enum(["reject", "dead-letter-oldest"]).optional(),
  ratePerSecondMax: rate.optional(),
  priorities: z
    .int()
    .min(1)
    .max(LIMITS.priorityMax + 1)
    .optional(),
});

/** Refuses a reply queue where a queue that stays is needed: what lies in one is gone when nobody consumed it for 10 minutes. */
export function assertStays(queue: string, field: string): void {
  if (isReplyQueue(queue))
    throw new HoldfastError(
      "BAD_REQUEST",
      `${field} is ${JSON.stringify(queue)}, a reply queue, which does not stay, expected another one`,
    );
}

/** Refuses options that no queue of that name can have: a dead letter stays where it is until somebody takes it. */
export function assertDefinable(queue: string, { maxAttempts, deadLetter, ttlMs }: Partial<QueueOptions>): void {
  if (deadLetter === queue)
    throw new HoldfastError("BAD_REQUEST", `deadLetter is ${JSON.stringify(queue)}, the queue itself, expected another one`);
  if (typeof deadLetter === "string") assertStays(deadLetter, "deadLetter");
  if (!queue.endsWith(DEAD_SUFFIX)) return;
  if (maxAttempts !== undefined && maxAttempts !== 0) {
    throw new HoldfastError("BAD_REQUEST", `maxAttempts is ${maxAttempts}, expected 0 for a dead-letter queue`);
  }
  if (ttlMs !== undefined && ttlMs !== 0) {
    throw new HoldfastError("BAD_REQUEST", `ttlMs is ${ttlMs}, expected 0 for a dead-letter queue`);
  }
  if (deadLetter !== undefined && deadLetter !== false) {
    throw new HoldfastError("BAD_REQUEST", `deadLetter is ${JSON.stringify(deadLetter)}, expected false for a dead-letter queue`);
  }
}

/** What `define` and `queue(name, options)` take. */
export type QueueOptionsInput = z.input<typeof queueOptions>;
