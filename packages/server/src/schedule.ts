import { NAME_PATTERN, RecordView, type Timing } from "holdfast-client/protocol";
import { z } from "zod";
import type { Broker } from "./broker.js";
import { firstTime } from "./core/next-time.js";
import { occurrenceId } from "./core/schedule.js";
import type { QueueAddress } from "./engine.js";
import { type MessageOptions, messageOptions, type NewMessage, packMessages } from "./message.js";
import { type MessageContent, readShared } from "./read-message.js";
import type { StoredSchedule } from "./scheduling.js";
import { validate } from "./validate.js";

/** When a schedule publishes. */
export interface ScheduleTimes {
  /** Five fields (minute, hour, day, month, weekday), six with seconds before them, or a name such as `@daily`. */
  readonly cron: string;
  /** An IANA name such as `Europe/Berlin`, whose clocks are meant. Default `UTC`. */
  readonly timezone?: string | undefined;
}

/** What may come with the body of a scheduled message: not an `id`, since each occurrence has one of its own, nor a time of day. */
export type ScheduledOptions = Omit<MessageOptions, "id" | "notBefore">;

/** A schedule as it is listed. */
export interface ScheduleEntry {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  /** When it publishes next; absent when this server does not know its time zone any more. */
  readonly next?: number;
  /** The occurrence it came to last. */
  readonly last?: number;
  readonly published: number;
  /** Occurrences that the queue refused, because it was full. */
  readonly skipped: number;
  /** What it publishes. `invalid` says why its body, then null, cannot be shown. */
  readonly message: Omit<MessageContent, "id" | "history"> & Timing & { readonly invalid?: string };
}

export const scheduleName = z.string().regex(NAME_PATTERN, { message: NAME_PATTERN.source });
export const scheduleTimes = z.strictObject({ cron: z.string(), timezone: z.string().default("UTC") });
export const scheduledOptions = messageOptions.omit({ id: true });

/** Creates or replaces a schedule; resolves to when it publishes next. */
export async function setSchedule(
  broker: Broker,
  address: QueueAddress,
  name: string,
  { cron, timezone }: z.output<typeof scheduleTimes>,
  message: Omit<NewMessage, "id">,
  bodyBytesMax: number,
): Promise<{ next: number }> {
  // A queue is not to be created for a pattern that is none.
  firstTime(cron, timezone, 0);
  // With an id as long as those of its occurrences, so that none of them is too large.
  const record = packMessages([{ ...message, id: occurrenceId(name, 0) }], [], bodyBytesMax);
  return { next: await broker.schedule(address, name, { cron, timezone, record }) };
}

/** A schedule as it is listed, and how much its message takes. */
export function readSchedule({ record, next, last, ...schedule }: StoredSchedule): {
  readonly entry: ScheduleEntry;
  readonly buffers: number;
} {
  const { content, buffers } = readShared(record);
  const { id, ...message } = content;
  const times = { ...(next === undefined ? undefined : { next }), ...(last === undefined ? undefined : { last }) };
  return { entry: { ...schedule, ...times, message: { ...message, ...timingOf(record) } }, buffers };
}

function timingOf(record: Uint8Array): Timing {
  const { delayMs = 0, ttlMs } = new RecordView(record, 0, record.length).timing ?? {};
  return { ...(delayMs > 0 && { delayMs }), ...(ttlMs !== undefined && { ttlMs }) };
}

export const validScheduleName = (name: string): string => validate(scheduleName, name, "name");
