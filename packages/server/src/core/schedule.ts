import { createHash } from "node:crypto";
import { LIMITS, RecordView } from "holdfast-client/protocol";
import type { Queue } from "./queue.js";

/** A schedule without its message, which only the store has. What replaces it is another object. */
export interface Schedule {
  readonly queue: Queue;
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  /** Says whether a message is the same as this one's. */
  readonly digest: string;
  next: number | undefined;
  last: number | undefined;
  published: number;
  skipped: number;
  /** The occurrence before was skipped too, so there is no news in it. */
  skipping: boolean;
  /** It was replaced or removed, or its queue was. */
  ended: boolean;
}

/** What the store has of a schedule beside its message. */
type State = Pick<Schedule, "cron" | "timezone" | "digest" | "next" | "last" | "published" | "skipped">;

export function packSchedule({ cron, timezone, digest, next, last, published, skipped }: Schedule): Buffer {
  const state: State = { cron, timezone, digest, next, last, published, skipped };
  return Buffer.from(JSON.stringify(state), "utf8");
}

export function unpackSchedule(queue: Queue, name: string, stored: Uint8Array): Schedule {
  const { cron, timezone, digest, next, last, published, skipped } = JSON.parse(Buffer.from(stored).toString("utf8")) as State;
  return { queue, name, cron, timezone, digest, next, last, published, skipped, skipping: false, ended: false };
}

/** Of a record, whatever its id. */
export function digestOf(record: Uint8Array): string {
  return createHash("sha256").update(withId(record, "")).digest("base64url");
}

/** What stands between the name and the time in an id, and the time itself: `2025-03-30T01:00:00.000Z`. */
const TIME_BYTES = 25;
const HASH_CHARACTERS = 16;

/** The id of the message of one occurrence. It is always as long as any other of that schedule. */
export function occurrenceId(name: string, at: number): string {
  return `${shortened(name)}@${new Date(at).toISOString()}`;
}

/** A long name, cut to what an id has room for, with a hash so that no two names are the same then. */
function shortened(name: string): string {
  const charactersMax = LIMITS.idBytesMax - TIME_BYTES;
  if (name.length <= charactersMax) return name;
  const hash = createHash("sha256").update(name, "utf8").digest("hex").slice(0, HASH_CHARACTERS);
  return `${name.slice(0, charactersMax - HASH_CHARACTERS - 1)}~${hash}`;
}

const CHOSEN_ID = 1;
const HEADER_BYTES = 8;

/** A copy of a record with another id, which counts as given by Holdfast; the rest stays byte for byte. */
export function withId(record: Uint8Array, id: string): Buffer {
  const text = Buffer.from(id, "utf8");
  const { idBytes } = new RecordView(record, 0, record.length).sizes;
  const copy = Buffer.concat([record.subarray(0, HEADER_BYTES), text, record.subarray(HEADER_BYTES + idBytes)]);
  copy.writeUInt32LE(copy.length, 0);
  copy[6] = (copy[6] ?? 0) & ~CHOSEN_ID;
  copy[7] = text.length;
  return copy;
}
