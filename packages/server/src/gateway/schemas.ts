import { HoldfastError, LIMITS, type SettleRun } from "holdfast-client/protocol";
import { z } from "zod";
import { extendOptions, nackOptions, rejectOptions } from "../delivery.js";
import { messageKey, messageOptions } from "../message.js";
import { queueName, queueOptions } from "../options.js";
import { deviceName } from "../room-names.js";
import { preview, validate } from "../validate.js";

const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 100;
/** Opaque names that a server gave: longer ones are not ours. */
const given = z.string().min(1).max(128);
const lease = z.int().min(0).max(0xffff_ffff_ffff);

const message = messageOptions.extend({ body: z.unknown() });
const limit = z.int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT);

export const publishRequest = message.extend({ queue: queueName });
export const publishArrayRequest = z.strictObject({ queue: queueName, messages: z.array(message).min(1) });
export const publishQueuesRequest = z.strictObject({ messages: z.array(publishRequest).min(1) });

export const consumeRequest = z.strictObject({
  queue: queueName,
  maxInFlight: z.int().min(1).optional(),
  consumer: given.optional(),
  frames: z.literal(true).optional(),
  held: z
    .array(z.tuple([lease, z.int().min(1).max(LIMITS.maxInFlightMax)]))
    .max(LIMITS.maxInFlightMax)
    .optional(),
});

/** The verbs of a callback; one of them, or none for ack. */
const answer = z.strictObject({
  ack: z.literal(true).optional(),
  nack: nackOptions.optional(),
  reject: rejectOptions.optional(),
  release: z.literal(true).optional(),
});

const settlement = answer.extend({ token: given, extend: extendOptions.optional() });

export const settleRequest = z.strictObject({
  consumer: given,
  settlements: z.array(settlement).min(1).max(LIMITS.maxInFlightMax),
});

export const cancelRequest = z.strictObject({ consumer: given });
export const defineRequest = queueOptions.extend({ queue: queueName });
export const deleteRequest = z.strictObject({ queue: queueName });
const listPage = z.strictObject({ after: z.string().max(256).optional(), limit });
export const listRequest = z.discriminatedUnion(
  "kind",
  [
    listPage.extend({ kind: z.enum(["queues", "rooms", "memberships"]) }),
    listPage.extend({ kind: z.literal("schedules"), queue: queueName }),
  ],
  { error: '"queues", "rooms", "memberships" or "schedules"' },
);
export const statsRequest = z.strictObject({ queue: queueName });
export const peekRequest = z.strictObject({ queue: queueName, after: lease.default(0), limit });
export const keyRequest = z.strictObject({ queue: queueName, key: messageKey.optional(), action: z.enum(["skip", "retry"]) });
export const helloRequest = z.strictObject({
  frames: z.literal(1),
  rooms: z
    .union([
      z.literal(false),
      z.strictObject({ device: deviceName.optional(), meta: z.boolean().default(false), frames: z.literal(1).optional() }),
    ])
    .optional(),
});

type Settlement = z.output<typeof settlement>;

/** What one settlement says, as a run of one lease; `BAD_REQUEST` unless it has exactly one verb. */
export function runOf({ ack, nack, reject, release, extend }: Omit<Settlement, "token">, first: number): SettleRun {
  const verbs = [ack, nack, reject, release, extend].filter((verb) => verb !== undefined).length;
  if (verbs !== 1) throw new HoldfastError("BAD_REQUEST", `a settlement has ${verbs} of ack, nack, reject, release, extend, expected 1`);
  if (nack !== undefined) return { first, count: 1, verb: "nack", ...nack };
  if (reject !== undefined) return { first, count: 1, verb: "reject", ...reject };
  if (extend !== undefined) return { first, count: 1, verb: "extend", ...extend };
  return { first, count: 1, verb: release === true ? "release" : "ack" };
}

/** What an acknowledgement callback was called with, as a run: nothing means ack. `BAD_REQUEST` when it is no settlement. */
export function answerOf(args: readonly unknown[], first: number): SettleRun {
  if (args.length > 1) throw new HoldfastError("BAD_REQUEST", `the callback has ${args.length} arguments, expected at most 1`);
  const [payload] = args;
  // Socket.IO sends an undefined argument as null.
  if (payload === undefined || payload === null) return { first, count: 1, verb: "ack" };
  const said = validate(answer, payload, "the callback's argument");
  return Object.keys(said).length === 0 ? { first, count: 1, verb: "ack" } : runOf(said, first);
}

/** The payload of a request, which must be one object. */
export function payloadOf(args: readonly unknown[]): object {
  const [payload, extra] = args;
  if (args.length > 1)
    throw new HoldfastError("BAD_REQUEST", `argument 2 is ${preview(extra)}, expected an acknowledgement callback or nothing`);
  if (typeof payload !== "object" || payload === null || Array.isArray(payload) || ArrayBuffer.isView(payload)) {
    throw new HoldfastError("BAD_REQUEST", `the payload is ${preview(payload)}, expected an object`);
  }
  return payload;
}
