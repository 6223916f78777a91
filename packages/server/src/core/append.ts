import { type ErrorReply, HAS_EVENT, HAS_KEY, HoldfastError, LIMITS, type ReceiptRun, RecordView } from "holdfast-client/protocol";
import type { AppendRequest } from "../engine.js";
import { errorReply } from "../error-reply.js";
import type { DueEntries } from "./due-entries.js";
import { hashRecord, IDS_MAX } from "./id-index.js";
import { u16, u32 } from "./little-endian.js";
import { store, storeOne, storeUntil } from "./log.js";
import type { LogState } from "./log-state.js";
import { PRODUCER_IDLE_MS, Producer } from "./producer.js";
import type { Queue } from "./queue.js";
import { fits, makeSpace, refusalOfAll, type SpaceMaker, type Together } from "./space.js";
import { delayOf, expireAtOf, NEVER, ttlGrowth, withDefaultTtl } from "./timing.js";

/** Producers remembered per queue or room; past it new ones are refused, unless one has been idle for long enough to be forgotten. */
const PRODUCERS_MAX = 100_000;

/** Messages of a room. */
export interface Fed extends Pick<AppendRequest, "count" | "records"> {
  /** Some of them may expire. */
  readonly expires: boolean;
}

/** What storing messages may take besides the queue. */
export interface AppendTools {
  readonly maker: SpaceMaker;
  readonly entries: DueEntries;
}

/**
 * Takes one request's messages into the queue's next block or, with a priority, into their level, and tells each one's fate.
 *
 * @param must `refusalOf` found that all of them can be stored
 * @throws HoldfastError when the whole request is refused; then nothing changed
 */
export function appendTo(queue: Queue, request: AppendRequest, tools: AppendTools, must: boolean, now: number): ReceiptRun[] {
  const { count, records } = request;
  const producer = request.producer === undefined ? undefined : beginProducer(queue, request, now);
  const firstNumber = request.producer?.firstNumber ?? 0;
  const plain = isPlain(records, count, queue) && fits(queue, count, records.length);
  if (plain && (producer === undefined || firstNumber === producer.next)) {
    const sequence = store(queue, { records, count, expires: false }, now);
    producer?.note(count, sequence);
    return [{ count, sequence, duplicate: false }];
  }
  const runs: ReceiptRun[] = [];
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const end = at + view.getUint32(at, true);
    const known = producer?.fateOf(firstNumber + index);
    if (known !== undefined) {
      addRun(runs, 1, known.sequence, true, known.error);
    } else {
      const record = records.subarray(at, end);
      const fate = appendOne(queue, record, tools, must, now);
      if (fate.error?.retryable === true) {
        addRun(runs, 1, 0, false, fate.error);
        if (producer !== undefined && index + 1 < count) addRun(runs, count - index - 1, 0, false, gapAfter(firstNumber + index));
        if (producer !== undefined) break;
      } else {
        addRun(runs, 1, fate.sequence, fate.duplicate, fate.error);
        producer?.note(1, fate.sequence, fate.error);
      }
    }
    at = end;
  }
  return runs;
}

/**
 * Takes what a room has for a queue, up to the first message that the queue has no room for. Nothing is refused for good, since each
 * member gets every message (promise S1): what has no key has the order of the room, an id that the queue knows is of another message, and
 * one that is larger than the whole queue may be comes when that has nothing else.
 *
 * @returns how many of them it took
 */
export function feedTo(queue: Queue, { count, records, expires }: Fed, tools: AppendTools, now: number): number {
  if (!expires && queue.options.ttlMs === 0 && fits(queue, count, records.length)) {
    store(queue, { records, count, expires }, now);
    return count;
  }
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let taken = 0;
  for (let at = 0; at < records.length; taken++) {
    const end = at + view.getUint32(at, true);
    const record = withDefaultTtl(records.subarray(at, end), queue.options.ttlMs);
    const error = makeSpace(queue, record.length, tools.maker, false, now);
    if (error !== undefined && (error.retryable || queue.live > 0)) break;
    keep(queue, record, tools.entries, now);
    at = end;
  }
  return taken;
}

/**
 * The first reason for which a request could not be stored whole; undefined when it can. Changes nothing.
 *
 * @throws HoldfastError when its producer's numbers may not come now
 */
export function refusalOf(queue: Queue | undefined, request: AppendRequest, now: number): ErrorReply | undefined {
  const { count, records } = request;
  const known = knownProducer(queue, request);
  if (isPlain(records, count, queue) && (queue === undefined || fits(queue, count, records.length))) return undefined;
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const contents = new Map<string, Buffer>();
  let added = 0;
  const news = new News(queue?.options.ttlMs ?? 0);
  const remembers = queue === undefined || queue.dedupWindowMs > 0;
  let at = 0;
  for (let index = 0; index < count; index++) {
    const end = at + view.getUint32(at, true);
    const record = new RecordView(records, at, end);
    at = end;
    if (known?.fateOf((request.producer?.firstNumber ?? 0) + index) !== undefined) continue;
    const error = limitError(record) ?? keyError(queue, record) ?? priorityError(queue, record);
    if (error !== undefined) return error;
    if (!record.chosenId || !remembers) {
      news.add(record);
      continue;
    }
    const hash = hashRecord(record);
    const id = hash.id.toString("latin1");
    const before = contents.get(id);
    const isSame = before?.equals(hash.content) ?? queue?.ids.known(hash, now, queue.dedupWindowMs)?.isSame;
    if (isSame === false) return conflict(record);
    if (isSame === undefined && !(queue?.ids.hasRoomFor(++added, now, queue.dedupWindowMs) ?? true)) return idsFull();
    if (isSame === undefined) news.add(record);
    contents.set(id, hash.content);
  }
  return queue === undefined ? undefined : refusalOfAll(queue, news);
}

/** What a request would add to its queue, message by message. */
class News implements Together {
  count = 0;
  bytes = 0;
  largest = 0;
  readonly staying = { count: 0, bytes: 0 };
  readonly #delayed = { count: 0, bytes: 0 };
  readonly #ttlMs: number;

  /** @param ttlMs of the queue */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  add(record: RecordView): void {
    const bytes = record.size + ttlGrowth(record, this.#ttlMs);
    this.count++;
    this.bytes += bytes;
    this.largest = Math.max(this.largest, bytes);
    this.staying.count = this.#delayed.count + 1;
    this.staying.bytes = Math.max(this.staying.bytes, this.#delayed.bytes + bytes);
    if ((record.timing?.delayMs ?? 0) === 0) return;
    this.#delayed.count++;
    this.#delayed.bytes += bytes;
  }
}

/** Messages that may be numbered by a producer. */
type NumberedRequest = Pick<AppendRequest, "producer" | "count">;

/** The request's producer as the log knows it, its numbers checked. */
export function knownProducer(log: LogState | undefined, { producer, count }: NumberedRequest): Producer | undefined {
  if (producer === undefined) return undefined;
  const known = log?.producers.get(producer.id);
  (known ?? new Producer(producer.id)).check(producer.firstNumber, count, producer.oldestOpen);
  return known;
}

export function beginProducer(log: LogState, request: NumberedRequest, now: number): Producer | undefined {
  if (request.producer === undefined) return undefined;
  const { id, firstNumber, oldestOpen } = request.producer;
  const known = log.producers.get(id);
  const producer = known ?? new Producer(id);
  producer.check(firstNumber, request.count, oldestOpen);
  if (known === undefined) {
    makeRoomForProducer(log, now);
    if (log.producers.size >= PRODUCERS_MAX)
      throw new HoldfastError("QUEUE_FULL", `${log.name} has ${PRODUCERS_MAX} producers, no more are taken`);
    log.producers.set(id, producer);
  }
  producer.begin(oldestOpen, now);
  log.touchProducer(producer);
  return producer;
}

/** Notes that a request was refused whole and for good, so that its producer's later numbers are not taken for a gap. */
export function noteRefusal(queue: Queue, request: AppendRequest, error: ErrorReply, now: number): void {
  const producer = beginProducer(queue, request, now);
  if (producer !== undefined && producer.next === request.producer?.firstNumber) producer.note(request.count, 0, error);
}

/** Forgets those that were idle the longest where there are too many, but none that the log has to remember. */
function makeRoomForProducer(log: LogState, now: number): void {
  for (let idleMs = PRODUCER_IDLE_MS; log.producers.size >= PRODUCERS_MAX && idleMs >= log.producerIdleMinMs; idleMs /= 4) {
    forgetIdleProducers(log, now, idleMs);
  }
}

/** Forgets the producers that were idle for so long. */
export function forgetIdleProducers(log: LogState, now: number, idleMs: number = PRODUCER_IDLE_MS): void {
  log.producersCheckedAt = now;
  for (const { id, usedAt } of log.producers.values()) {
    if (usedAt + idleMs > now) continue;
    log.producers.delete(id);
    log.idleProducers.push(id);
  }
}

/** Of an event and of a key. */
const FIELD_BYTES_MAX = Math.min(LIMITS.eventBytesMax, LIMITS.keyBytesMax);
/** Of a record before its id. */
const HEADER_BYTES = 8;
/** Traits that it may have: the body is ASCII. Neither a chosen id nor a priority. */
const PLAIN_TRAITS = 2;
/** Fields that a record of the usual case may have. */
const PLAIN_FIELDS = HAS_EVENT | HAS_KEY;

/** Whether every record is within the limits at a glance, without chosen id, priority and time: the usual case, checked in a few steps. */
export function isPlain(records: Uint8Array, count: number, queue: Queue | undefined): boolean {
  if (queue !== undefined && queue.options.ttlMs > 0) return false;
  const keyed = needsKey(queue);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const size = u32(records, at);
    const head = u32(records, at + 4);
    const present = (head >>> 8) & 0xff;
    const traits = (head >>> 16) & 0xff;
    const idBytes = head >>> 24;
    if ((traits & ~PLAIN_TRAITS) !== 0 || idBytes === 0 || idBytes > LIMITS.idBytesMax || size > LIMITS.bodyBytesMax) return false;
    if ((present & ~PLAIN_FIELDS) !== 0 || (keyed && (present & HAS_KEY) === 0)) return false;
    let field = at + HEADER_BYTES + idBytes;
    for (let bits = present; bits !== 0; bits &= bits - 1) {
      const bytes = u16(records, field);
      if (bytes > FIELD_BYTES_MAX) return false;
      field += 2 + bytes;
    }
    at += size;
  }
  return true;
}

interface OneFate {
  readonly sequence: number;
  readonly duplicate: boolean;
  readonly error?: ErrorReply;
}

function appendOne(queue: Queue, bytes: Uint8Array, tools: AppendTools, must: boolean, now: number): OneFate {
  const record = new RecordView(bytes, 0, bytes.length);
  const error = limitError(record) ?? keyError(queue, record) ?? priorityError(queue, record);
  if (error !== undefined) return { sequence: 0, duplicate: false, error };
  if (!record.chosenId) return storeNew(queue, bytes, tools, must, now);
  const hash = hashRecord(record);
  const known = queue.ids.known(hash, now, queue.dedupWindowMs);
  if (known !== undefined) {
    if (!known.isSame) return { sequence: 0, duplicate: false, error: conflict(record) };
    return { sequence: known.sequence, duplicate: true };
  }
  if (queue.dedupWindowMs > 0 && !queue.ids.hasRoomFor(1, now, queue.dedupWindowMs))
    return { sequence: 0, duplicate: false, error: idsFull() };
  const fate = storeNew(queue, bytes, tools, must, now);
  if (fate.error === undefined && queue.dedupWindowMs > 0) queue.ids.add(hash, fate.sequence, now);
  return fate;
}

function storeNew(queue: Queue, bytes: Uint8Array, { maker, entries }: AppendTools, must: boolean, now: number): OneFate {
  const records = withDefaultTtl(bytes, queue.options.ttlMs);
  const error = makeSpace(queue, records.length, maker, must, now);
  if (error !== undefined) return { sequence: 0, duplicate: false, error };
  return { sequence: keep(queue, records, entries, now), duplicate: false };
}

/** Stores a record in its place, or until its time; returns its sequence. */
function keep(queue: Queue, records: Uint8Array, entries: DueEntries, now: number): number {
  const delayMs = delayOf(records, 0);
  if (delayMs === 0) return storeOne(queue, records, entries, now);
  const expireAt = expireAtOf(records, 0, now);
  // What expires before it is due is looked at when it expires.
  const due = Math.min(now + delayMs, expireAt);
  const raised = new RecordView(records, 0, records.length).priority > 0;
  return storeUntil(queue, { records, count: 1, expires: expireAt !== NEVER, raised }, due, now);
}

export function limitError(record: RecordView): ErrorReply | undefined {
  const { idBytes, eventBytes, keyBytes, headersBytes, bodyBytes } = record.sizes;
  if (idBytes < 1 || idBytes > LIMITS.idBytesMax) return refusal("BAD_REQUEST", "id", idBytes, LIMITS.idBytesMax);
  if (eventBytes > LIMITS.eventBytesMax) return refusal("TOO_LARGE", "event", eventBytes, LIMITS.eventBytesMax);
  if (keyBytes > LIMITS.keyBytesMax) return refusal("TOO_LARGE", "key", keyBytes, LIMITS.keyBytesMax);
  if (headersBytes > LIMITS.headersBytesMax) return refusal("TOO_LARGE", "headers", headersBytes, LIMITS.headersBytesMax);
  if (bodyBytes > LIMITS.bodyBytesMax) return refusal("TOO_LARGE", "body", bodyBytes, LIMITS.bodyBytesMax);
  return timingError(record);
}

function timingError({ timing }: RecordView): ErrorReply | undefined {
  const { delayMs = 0, ttlMs = 0 } = timing ?? {};
  if (delayMs > LIMITS.delayMsMax) return outOfRange("delayMs", delayMs, LIMITS.delayMsMax);
  if (ttlMs > LIMITS.ttlMsMax) return outOfRange("ttlMs", ttlMs, LIMITS.ttlMsMax);
  return undefined;
}

const outOfRange = (field: string, ms: number, msMax: number): ErrorReply =>
  errorReply(new HoldfastError("BAD_REQUEST", `${field} is ${ms}, expected 0 to ${msMax}`));

const needsKey = (queue: Queue | undefined): boolean => queue?.options.ordering === "key";

function keyError(queue: Queue | undefined, record: RecordView): ErrorReply | undefined {
  if (!needsKey(queue) || record.sizes.keyBytes > 0) return undefined;
  return errorReply(
    new HoldfastError("BAD_REQUEST", `key is missing, expected 1 to ${LIMITS.keyBytesMax} bytes: ${queue?.name} is ordered by key`),
  );
}

function priorityError(queue: Queue | undefined, { priority }: RecordView): ErrorReply | undefined {
  if (priority === 0) return undefined;
  const { ordering = "none", priorities = LIMITS.priorityMax + 1 } = queue?.options ?? {};
  if (ordering === "none" && priority < priorities) return undefined;
  const [highest, why] = ordering === "none" ? [priorities - 1, `priorities is ${priorities}`] : [0, `ordering is "${ordering}"`];
  const expected = highest === 0 ? "0" : `0 to ${highest}`;
  return errorReply(new HoldfastError("BAD_REQUEST", `priority is ${priority}, expected ${expected}: ${why} for queue ${queue?.name}`));
}

const refusal = (code: "BAD_REQUEST" | "TOO_LARGE", field: string, bytes: number, bytesMax: number): ErrorReply =>
  errorReply(new HoldfastError(code, `${field} has ${bytes} bytes, expected at most ${bytesMax}`));

export const conflict = (record: RecordView): ErrorReply =>
  errorReply(new HoldfastError("ID_CONFLICT", `id ${JSON.stringify(record.id)} was published before with another body, event or key`));

export const idsFull = (): ErrorReply =>
  errorReply(new HoldfastError("QUEUE_FULL", `the queue remembers ${IDS_MAX} chosen ids, at most ${IDS_MAX} may be; try again later`));

export const gapAfter = (number: number): ErrorReply =>
  errorReply(new HoldfastError("PRODUCER_GAP", `producer number ${number} was refused for now: send again from it`));

export function addRun(runs: ReceiptRun[], count: number, sequence: number, duplicate: boolean, error?: ErrorReply): void {
  const last = runs.at(-1);
  const continues = last !== undefined && isSame(last.error, error) && last.duplicate === duplicate;
  if (continues && (error !== undefined || last.sequence + last.count === sequence))
    runs[runs.length - 1] = { ...last, count: last.count + count };
  else runs.push({ count, sequence, duplicate, error });
}

const isSame = (a: ErrorReply | undefined, b: ErrorReply | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.code === b.code && a.message === b.message);
