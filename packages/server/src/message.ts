import { randomBytes } from "node:crypto";
import { ByteWriter, type Headers, HoldfastError, LIMITS, type RecordFields, writeRecord } from "holdfast-client/protocol";
import { z } from "zod";
import { replyToName } from "./options.js";
import { isUtf8, preview, validate } from "./validate.js";

const shortText = (field: string, bytesMax: number): z.ZodString =>
  z.string().refine((text) => text !== "" && Buffer.byteLength(text) <= bytesMax && isUtf8(text), {
    error: ({ input }) => `${field} is ${preview(input)}, expected 1 to ${bytesMax} bytes of UTF-8`,
  });

/** What may come with a body. */
export const messageKey = shortText("key", LIMITS.keyBytesMax);

/** Whether a header may be called so: with the one other name its value would become the prototype of what it is written into. */
export const isHeaderName = (name: string): boolean => name !== "__proto__";

// `z.record` leaves that name out in silence, so it is looked for before.
const headers = z
  .unknown()
  .refine((given) => typeof given !== "object" || given === null || Object.keys(given).every(isHeaderName), {
    error: 'headers has "__proto__", expected another name',
  })
  .pipe(z.record(z.string(), z.string()));

export const messageOptions = z.strictObject({
  id: shortText("id", LIMITS.idBytesMax).optional(),
  key: messageKey.optional(),
  event: shortText("event", LIMITS.eventBytesMax).optional(),
  headers: headers.optional(),
  replyTo: replyToName.optional(),
  correlationId: shortText("correlationId", LIMITS.idBytesMax).optional(),
  priority: z.int().min(0).max(LIMITS.priorityMax).optional(),
  delayMs: z.int().min(0).max(LIMITS.delayMsMax).optional(),
  ttlMs: z.int().min(0).max(LIMITS.ttlMsMax).optional(),
});

/** The same from inside this process, where a time of day may be given instead of a delay. */
export const publishOptions = messageOptions.extend({
  notBefore: z.union([z.date(), z.number()], { error: "a Date or milliseconds since 1970" }).optional(),
});

/** What the caller of a library method says, as it goes into the record. */
export function messageOptionsOf(options: unknown, subject: string, now: number): z.output<typeof messageOptions> {
  const { notBefore, ...rest } = validate(publishOptions, options, subject);
  if (notBefore === undefined) return rest;
  if (rest.delayMs !== undefined) throw new HoldfastError("BAD_REQUEST", "delayMs and notBefore are given, expected one of them");
  const delayMs = Math.max(0, Math.ceil(Number(notBefore)) - now);
  if (delayMs <= LIMITS.delayMsMax) return { ...rest, delayMs };
  throw new HoldfastError("BAD_REQUEST", `notBefore is ${delayMs} ms from now, expected at most ${LIMITS.delayMsMax}`);
}

/** What a publisher may say of a message. */
export interface MessageOptions {
  /** Chosen by the application: published again within the dedup window, it gives the first receipt. 1 to 128 bytes. */
  readonly id?: string | undefined;
  /** 1 to 256 bytes. */
  readonly key?: string | undefined;
  /** Name of what happened, 1 to 256 bytes. */
  readonly event?: string | undefined;
  /** Texts that travel beside the body, 8 KiB in all. */
  readonly headers?: Headers | undefined;
  /** The queue of this namespace where an answer is expected. */
  readonly replyTo?: string | undefined;
  /** Names the request; its answer has the same. 1 to 128 bytes. */
  readonly correlationId?: string | undefined;
  /** 0 (default) to 9, below the queue's `priorities`: higher is handed out first. Only where `ordering` is `none`. */
  readonly priority?: number | undefined;
  /** Not delivered before this time after it is stored: 0 to 31,536,000,000. Not with `notBefore`. */
  readonly delayMs?: number | undefined;
  /** Not delivered before this time, a Date or milliseconds since 1970, at most a year away. */
  readonly notBefore?: Date | number | undefined;
  /** Not delivered once this time after it was stored is over: 0 (for ever) to 31,536,000,000. Default: the queue's `ttlMs`. */
  readonly ttlMs?: number | undefined;
}

/** A message to publish: a JSON value or bytes, and what comes with it. */
export interface NewMessage extends MessageOptions {
  readonly body: unknown;
}

const idPrefix = randomBytes(12).toString("base64url");
let idCount = 0;

/** An id that no other process and no earlier call gave. */
const newId = (): string => `${idPrefix}-${(idCount++).toString(36)}`;

let writer = new ByteWriter(16_384);

/**
 * Packs messages one after the other, giving an id to those without one.
 *
 * @param ids takes the id of each
 * @param bytesMax of one record; above it `TOO_LARGE`
 */
export function packMessages(messages: readonly NewMessage[], ids: string[], bytesMax: number): Uint8Array {
  try {
    for (const { id: chosen, body, ...fields } of messages) {
      const id = chosen ?? newId();
      ids.push(id);
      packMessage({ id, chosenId: chosen !== undefined, ...fields }, body, bytesMax);
    }
    return writer.take();
  } catch (error) {
    writer.rewind(0);
    throw error;
  } finally {
    // One giant must not hold its memory for good.
    if (writer.length > LIMITS.arrayBytesMax) writer = new ByteWriter(16_384);
  }
}

function packMessage(fields: RecordFields, body: unknown, bytesMax: number): void {
  if (fields.headers !== undefined) {
    const bytes = Buffer.byteLength(JSON.stringify(fields.headers));
    if (bytes > LIMITS.headersBytesMax) {
      throw new HoldfastError("TOO_LARGE", `headers take ${bytes} bytes, at most ${LIMITS.headersBytesMax} are allowed`);
    }
  }
  const bytes = writeRecord(writer, fields, body);
  if (bytes > bytesMax) throw new HoldfastError("TOO_LARGE", `the message takes ${bytes} bytes, at most ${bytesMax} are allowed`);
}
