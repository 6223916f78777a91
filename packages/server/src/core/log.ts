import { RecordView } from "holdfast-client/protocol";
import { BLOCK_BYTES_MAX, type Block } from "./block.js";
import type { DueEntries } from "./due-entries.js";
import { newListOf } from "./priority-level.js";
import type { Queue } from "./queue.js";
import { expireAtOf, NEVER } from "./timing.js";

/** What was put into the log since the last commit: it becomes a block. */
export interface Pending {
  readonly first: number;
  /** One past the last sequence of the log before it. */
  readonly after: number;
  count: number;
  bytes: number;
  readonly records: Uint8Array[];
  readonly publishedAt: number;
  /** When they might be delivered first. */
  readonly since: number;
  /** They waited among the delayed ones. */
  readonly promoted: boolean;
  /** They were published with a delay. */
  readonly delayed: boolean;
  /** Some of them may expire. */
  expires: boolean;
}

/** Records, and what is common to them. */
export interface NewRecords {
  readonly records: Uint8Array;
  readonly count: number;
  /** Some of them may expire. */
  readonly expires: boolean;
  /** Some of them have a priority above 0. */
  readonly raised?: boolean;
}

/**
 * Puts records at the queue's end, counted as what they are, and returns the first one's sequence.
 *
 * In an ordered queue what is due comes before them, also when it is not in the log yet: then they wait behind it.
 */
export function store(queue: Queue, news: NewRecords, now: number, as: "published" | "redriven" = "published"): number {
  if (queue.chains !== undefined && queue.delays.isDue(now)) {
    return storeUntil(queue, news, Math.max(now, queue.delays.placedThrough), now, as);
  }
  count(queue, news, as);
  const last = queue.pending.at(-1);
  // A block has one time of publish, which does not matter to the millisecond unless a time to live counts from it.
  const merges = last !== undefined && !last.promoted && (last.publishedAt === now || !(news.expires || last.expires));
  return place(queue, merges ? last : undefined, news, { publishedAt: now, since: now, promoted: false, delayed: false });
}

/** Puts one record where its priority says: at the log's end, or among those of its level. Returns its sequence. */
export function storeOne(
  queue: Queue,
  record: Uint8Array,
  entries: DueEntries,
  now: number,
  as: "published" | "redriven" = "published",
): number {
  const news = { records: record, count: 1, expires: expireAtOf(record, 0, now) !== NEVER };
  const priority = priorityIn(queue, record);
  if (priority === 0) return store(queue, news, now, as);
  count(queue, news, as);
  return raise(queue, record, priority, entries, now);
}

/** A redriven message may have a priority that its queue does not have any more, as one that waited for its time. */
function priorityIn({ options: { ordering, priorities } }: Queue, record: Uint8Array): number {
  const { priority } = new RecordView(record, 0, record.length);
  return ordering === "none" ? Math.min(priority, priorities - 1) : 0;
}

function raise(queue: Queue, record: Uint8Array, priority: number, entries: DueEntries, publishedAt: number): number {
  const sequence = queue.next++;
  entries.add(queue, record, { list: newListOf(priority), due: 0, sequence, attempts: 0, publishedAt, reason: undefined });
  return sequence;
}

/** As `store`, for messages that take their place in the log at `due`; the sequence they get then is another one. */
export function storeUntil(queue: Queue, news: NewRecords, due: number, now: number, as: "published" | "redriven" = "published"): number {
  const first = queue.next;
  count(queue, news, as);
  queue.next += news.count;
  queue.delays.add(news, first, now, due);
  return first;
}

/** As `storePromoted`, of one record, where its priority says. */
export function promoteOne(queue: Queue, from: Block, due: number, record: Uint8Array, expires: boolean, entries: DueEntries): void {
  const priority = priorityIn(queue, record);
  if (priority === 0) storePromoted(queue, from, due, { records: record, count: 1, expires });
  else raise(queue, record, priority, entries, from.publishedAt);
}

/** Puts delayed messages into the log, which were due at `due`; they were counted when they were published. */
export function storePromoted(
  queue: Queue,
  { publishedAt, delayed }: Pick<Block, "publishedAt" | "delayed">,
  due: number,
  news: NewRecords,
): void {
  const since = delayed ? due : publishedAt;
  const last = queue.pending.at(-1);
  const merges = last?.promoted === true && last.publishedAt === publishedAt && last.delayed === delayed && last.since === since;
  place(queue, merges ? last : undefined, news, { publishedAt, since, promoted: true, delayed });
}

function count(queue: Queue, { records, count: messages, expires }: NewRecords, as: "published" | "redriven"): void {
  queue.live += messages;
  queue.bytes += records.length;
  queue.counts[as] += messages;
  queue.expires ||= expires;
}

type PendingFields = Pick<Pending, "publishedAt" | "since" | "promoted" | "delayed">;

/** Adds records to what is pending, to `last` if that can be, in parts that fit into a block, and returns the first one's sequence. */
function place(queue: Queue, last: Pending | undefined, news: NewRecords, fields: PendingFields): number {
  const { records, count: messages, expires } = news;
  if (records.length <= BLOCK_BYTES_MAX || messages === 1) return placePart(queue, last, news, fields);
  const first = queue.next;
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let part = { at: 0, count: 0 };
  let pending = last;
  let at = 0;
  for (let index = 0; index < messages; index++) {
    const end = at + view.getUint32(at, true);
    if (part.count > 0 && end - part.at > BLOCK_BYTES_MAX) {
      placePart(queue, pending, { records: records.subarray(part.at, at), count: part.count, expires }, fields);
      pending = queue.pending.at(-1);
      part = { at, count: 0 };
    }
    part.count++;
    at = end;
  }
  placePart(queue, pending, { records: records.subarray(part.at, at), count: part.count, expires }, fields);
  return first;
}

function placePart(
  queue: Queue,
  last: Pending | undefined,
  { records, count: messages, expires }: NewRecords,
  fields: PendingFields,
): number {
  const first = queue.next;
  let pending = last;
  if (pending === undefined || pending.bytes >= BLOCK_BYTES_MAX || pending.first + pending.count !== first) {
    const { publishedAt, since, promoted, delayed } = fields;
    const after = queue.logEnd;
    const bytes = records.length;
    pending = { publishedAt, since, promoted, delayed, first, after, count: messages, bytes, records: [records], expires };
    if (queue.pending.length === 0) queue.pending = [pending];
    else queue.pending.push(pending);
  } else {
    pending.records.push(records);
    pending.count += messages;
    pending.bytes += records.length;
    pending.expires ||= expires;
  }
  queue.next += messages;
  queue.logEnd = queue.next;
  return first;
}
