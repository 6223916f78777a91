import { ByteReader, ByteWriter } from "./bytes.js";
import { type ErrorReply, HoldfastError } from "./errors.js";
import type { FrameText } from "./platform.js";
import { checkRecord } from "./record.js";
import * as SECTION from "./section.js";

/**
 * A frame is the binary argument of the event `holdfast:frame`: sections one after the other, each
 *
 *     u8 type, u32 length of what follows, content
 *
 * Numbers are little-endian; u48 is a u32 (low) and a u16 (high). PROTOCOL.md specifies every section.
 */
export const FRAME_EVENT = "holdfast:frame";
export const FRAME_VERSION = 1;

export * as SECTION from "./section.js";

/** Messages of one queue, or of one room, with consecutive producer numbers. */
export interface PublishSection {
  readonly request: number;
  /** All or none: `publishAll` of the client. */
  readonly atomic: boolean;
  /** Its name, or that of a room behind `ROOM_MARK`. */
  readonly queue: string;
  readonly producer: string;
  readonly firstNumber: number;
  /** The lowest number whose fate the producer does not know yet. */
  readonly oldestOpen: number;
  readonly count: number;
  /** `count` packed records, one after the other. */
  readonly records: Uint8Array;
}

export const VERBS = ["ack", "nack", "reject", "release", "extend"] as const;
export type Verb = (typeof VERBS)[number];

/** One verb for leases with consecutive numbers. */
export interface SettleRun {
  readonly first: number;
  readonly count: number;
  readonly verb: Verb;
  /** nack: wait this long; undefined leaves it to the queue's backoff. */
  readonly delayMs?: number | undefined;
  /** nack, reject: why. */
  readonly reason?: string | undefined;
  /** extend: the lease runs this long from now. */
  readonly leaseMs?: number | undefined;
}

export interface SettleSection {
  readonly request: number;
  /** The number that the reply to `holdfast:consume` gave as `handle`. */
  readonly handle: number;
  readonly runs: readonly SettleRun[];
}

/** The fate of consecutive messages of a request: stored from `sequence` on, found as duplicates, or refused. */
export interface ReceiptRun {
  readonly count: number;
  readonly sequence: number;
  readonly duplicate: boolean;
  readonly error?: ErrorReply | undefined;
}

/** The fate of consecutive settlements. */
export interface SettledRun {
  readonly count: number;
  readonly error?: ErrorReply | undefined;
}

const NO_DELAY = 0xffff_ffff_ffff;
const KIND_STORED = 0;
const KIND_DUPLICATE = 1;
const KIND_ERROR = 2;
const KIND_OK = 0;

/** Builds a frame of a client section by section; `take` ends it. */
export class RequestWriter extends ByteWriter {
  constructor() {
    super(65_536);
  }

  protected open(type: number): number {
    this.u8(type);
    this.u32(0);
    return this.length;
  }

  protected close(start: number): void {
    this.patchU32(start - 4, this.length - start);
  }

  publish(section: PublishSection): void {
    const start = this.open(SECTION.publish);
    this.u32(section.request);
    this.u8(section.atomic ? 1 : 0);
    this.text8(section.queue);
    this.text8(section.producer);
    this.u48(section.firstNumber);
    this.u48(section.oldestOpen);
    this.u16(section.count);
    this.bytes(section.records);
    this.close(start);
  }

  settle(section: SettleSection): void {
    const start = this.open(SECTION.settle);
    this.u32(section.request);
    this.u32(section.handle);
    this.u16(section.runs.length);
    for (const run of section.runs) {
      this.u8(VERBS.indexOf(run.verb));
      this.u48(run.first);
      this.u16(run.count);
      if (run.verb === "nack") this.u48(run.delayMs ?? NO_DELAY);
      if (run.verb === "nack" || run.verb === "reject") this.text16(run.reason ?? "");
      if (run.verb === "extend") this.u32(run.leaseMs ?? 0);
    }
    this.close(start);
  }
}

/** Builds a frame of either side; a client bundles only what it needs of this. */
export class FrameWriter extends RequestWriter {
  receipts(request: number, runs: readonly ReceiptRun[]): void {
    const start = this.open(SECTION.receipts);
    this.u32(request);
    this.u16(runs.length);
    for (const run of runs) {
      this.u16(run.count);
      if (run.error === undefined) {
        this.u8(run.duplicate ? KIND_DUPLICATE : KIND_STORED);
        this.u48(run.sequence);
      } else {
        this.u8(KIND_ERROR);
        this.#error(run.error);
      }
    }
    this.close(start);
  }

  settled(request: number, runs: readonly SettledRun[]): void {
    const start = this.open(SECTION.settled);
    this.u32(request);
    this.u16(runs.length);
    for (const run of runs) {
      this.u16(run.count);
      this.u8(run.error === undefined ? KIND_OK : KIND_ERROR);
      if (run.error !== undefined) this.#error(run.error);
    }
    this.close(start);
  }

  /** The whole request `request` failed; 0 when the frame was too broken to tell which. */
  refused(request: number, error: ErrorReply): void {
    const start = this.open(SECTION.refused);
    this.u32(request);
    this.#error(error);
    this.close(start);
  }

  #error(error: ErrorReply): void {
    this.u8(error.retryable ? 1 : 0);
    this.text8(error.code);
    this.text16(error.message.slice(0, 2_000));
  }

  /** Starts a deliveries section; `delivery` adds to it and `endDeliveries` closes it. */
  beginDeliveries(handle: number, firstLease: number, leaseMs: number, leaseUntil: number): number {
    const start = this.open(SECTION.deliveries);
    this.u32(handle);
    this.u48(firstLease);
    this.u32(leaseMs);
    this.u48(leaseUntil);
    this.u16(0);
    return start;
  }

  delivery(sequence: number, attempt: number, publishedAt: number, record: Uint8Array): void {
    this.u48(sequence);
    this.u32(attempt);
    this.u48(publishedAt);
    this.bytes(record);
  }

  endDeliveries(start: number, count: number): void {
    this.patchU16(start + 20, count);
    this.close(start);
  }
}

/**
 * Calls `each` for the sections of a frame in order, with their type; `BAD_REQUEST` when one reaches past the end. One reader
 * serves all of them, so what is read forward must be read before `each` returns.
 */
export function eachSection(frame: Uint8Array, each: (type: number, content: ByteReader) => void): void {
  const content = new ByteReader(frame);
  while (content.at < frame.length) {
    content.end = frame.length;
    const type = content.u8();
    const start = content.skip(content.u32());
    const end = content.at;
    content.end = end;
    content.at = start;
    each(type, content);
    content.at = end;
  }
}

/** The request number of a section that could not be read whole. */
export const requestOf = (content: ByteReader): number => content.peekU32(content.at);

/** Reads a publish section and checks every record's bounds. */
export function readPublish(content: ByteReader): PublishSection {
  const request = content.u32();
  const atomic = content.u8() === 1;
  const queue = content.text8();
  const producer = content.text8();
  const firstNumber = content.u48();
  const oldestOpen = content.u48();
  const count = content.u16();
  const { at: start, end } = content;
  let at = start;
  for (let index = 0; index < count; index++) at += checkRecord(content.view, at, end);
  if (at !== end || count === 0) {
    throw new HoldfastError(
      "BAD_REQUEST",
      `malformed frame: ${count} records end at ${at - start}, the section holds ${end - start} bytes`,
    );
  }
  const records = content.bytes.subarray(start, end);
  return { request, atomic, queue, producer, firstNumber, oldestOpen, count, records };
}

export function readSettle(content: ByteReader): SettleSection {
  const request = content.u32();
  const handle = content.u32();
  const runs: SettleRun[] = [];
  for (let left = content.u16(); left > 0; left--) {
    const code = content.u8();
    const verb = VERBS[code];
    if (verb === undefined) throw new HoldfastError("BAD_REQUEST", `malformed frame: verb ${code}, expected 0 to ${VERBS.length - 1}`);
    const first = content.u48();
    const count = content.u16();
    const delayMs = verb === "nack" ? content.u48() : NO_DELAY;
    const reason = verb === "nack" || verb === "reject" ? content.text16() : "";
    const leaseMs = verb === "extend" ? content.u32() : undefined;
    runs.push({
      first,
      count,
      verb,
      delayMs: delayMs === NO_DELAY ? undefined : delayMs,
      reason: reason === "" ? undefined : reason,
      leaseMs,
    });
  }
  return { request, handle, runs };
}

/** As a refused section has it after its request, and a run of fates. */
export function readError(content: ByteReader): HoldfastError {
  const retryable = content.u8() === 1;
  const code = content.text8();
  return HoldfastError.from({ code, message: content.text16(), retryable });
}

/** The fate of consecutive items of a section: of messages, or of settlements, which have no sequence. */
export interface Fate extends Partial<ReceiptRun> {
  readonly count: number;
  readonly error?: HoldfastError | undefined;
}

/** Reads a receipts or a settled section; only the former has a sequence in each run that is no error. */
export function readFates(content: ByteReader, ofMessages: boolean): { request: number; runs: Fate[] } {
  const request = content.u32();
  const runs: Fate[] = [];
  for (let left = content.u16(); left > 0; left--) {
    const count = content.u16();
    const kind = content.u8();
    if (kind === KIND_ERROR) runs.push({ count, error: readError(content) });
    else runs.push(ofMessages ? { count, sequence: content.u48(), duplicate: kind === KIND_DUPLICATE } : { count });
  }
  return { request, runs };
}

/** Calls `each` for `count` items in order, with how far each is into its fate; returns how many of them have one. */
export function eachFate(fates: readonly Fate[], count: number, each: (index: number, fate: Fate, offset: number) => void): number {
  let index = 0;
  for (const fate of fates) for (let offset = 0; offset < fate.count && index < count; offset++) each(index++, fate, offset);
  return index;
}

export function readReceipts(content: ByteReader): { request: number; runs: ReceiptRun[] } {
  const { request, runs } = readFates(content, true);
  return { request, runs: runs.map(({ count, sequence = 0, duplicate = false, error }) => ({ count, sequence, duplicate, error })) };
}

export const readSettled = (content: ByteReader): { request: number; runs: SettledRun[] } => readFates(content, false);

export function readRefused(content: ByteReader): { request: number; error: HoldfastError } {
  return { request: content.u32(), error: readError(content) };
}

/** Of a delivery before its record: u48 sequence, u32 attempt, u48 time of the publish. */
const DELIVERY_HEAD_BYTES = 16;

/** Deliveries as a frame holds them: each is read where it lies, when it is asked for. */
export class DeliveriesSection {
  readonly handle: number;
  readonly firstLease: number;
  readonly leaseMs: number;
  readonly leaseUntil: number;
  /** Where in the frame the record of each delivery begins; leases are numbered in the same order. */
  readonly starts: number[];

  constructor(
    readonly content: ByteReader,
    readonly text?: FrameText,
  ) {
    this.handle = content.u32();
    this.firstLease = content.u48();
    this.leaseMs = content.u32();
    this.leaseUntil = content.u48();
    this.starts = new Array(content.u16());
    for (let index = 0; index < this.starts.length; index++) {
      content.skip(DELIVERY_HEAD_BYTES);
      this.starts[index] = content.skip(content.peekU32(content.at));
    }
  }
}
