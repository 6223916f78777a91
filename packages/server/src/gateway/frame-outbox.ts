import { type ErrorReply, FRAME_EVENT, FrameWriter, type ReceiptRun, type SettledRun } from "holdfast-client/protocol";
import type { Leased } from "../engine.js";
import type { SocketPort } from "./socket-port.js";

/** Bytes of a section beyond its records: head, and what each delivery adds to its record. */
const SECTION_BYTES = 64;
const DELIVERY_BYTES = 16;
/** A run of receipts or settlements; one with an error also has its message. */
const RUN_BYTES = 16;
const ERROR_BYTES = 2_048;

/**
 * With so many bytes deliveries go out at once: their client works on them while the rest of the turn is still being written.
 * Where the next message of a key waits for the settlement of this one, that is what the rate depends on.
 */
const AT_ONCE_BYTES = 16_384;

/** Writers are large, so those connections share them that have something to send in the same turn. */
const writersMax = 16;
const idleWriters: FrameWriter[] = [];

/** Outboxes with something to send at the end of this turn. */
let dirty: FrameOutbox[] = [];

function flushAll(): void {
  const outboxes = dirty;
  dirty = [];
  for (const outbox of outboxes) outbox.flush();
}

/** Collects the sections that go to one connection in one turn of the event loop and sends them as one frame, or a few. */
export class FrameOutbox {
  readonly #port: SocketPort;
  readonly #frameBytesMax: number;
  #writer: FrameWriter | undefined;

  constructor(port: SocketPort, frameBytesMax: number) {
    this.#port = port;
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes collected and not sent yet. */
  get bytes(): number {
    return this.#writer?.length ?? 0;
  }

  receipts(request: number, runs: readonly ReceiptRun[]): void {
    this.#room(runBytes(runs)).receipts(request, runs);
  }

  settled(request: number, runs: readonly SettledRun[]): void {
    this.#room(runBytes(runs)).settled(request, runs);
  }

  refused(request: number, error: ErrorReply): void {
    this.#room(ERROR_BYTES).refused(request, error);
  }

  /** Deliveries of one lease call, with one end. Their records are copied as they are. */
  deliveries(handle: number, batch: readonly Leased[], leaseMs: number): void {
    // A section has consecutive leases; one of them may have ended before it could be shown.
    for (let from = 0, to = 0; from < batch.length; from = to) to = this.#consecutive(handle, batch, from, leaseMs);
    if (this.bytes >= AT_ONCE_BYTES) this.#send();
  }

  /** Those from `from` on whose leases are consecutive, as one section; returns where that ends. */
  #consecutive(handle: number, batch: readonly Leased[], from: number, leaseMs: number): number {
    const first = batch[from] as Leased;
    let to = from;
    let bytes = 0;
    for (let leased: Leased | undefined = first; leased?.lease === first.lease + to - from; leased = batch[to]) {
      bytes += leased.end - leased.start + DELIVERY_BYTES;
      to++;
    }
    const writer = this.#room(bytes);
    const section = writer.beginDeliveries(handle, first.lease, leaseMs, first.leaseUntil);
    for (let at = from; at < to; at++) {
      const { sequence, attempt, publishedAt, bytes: held, start, end } = batch[at] as Leased;
      writer.delivery(sequence, attempt, publishedAt, held.subarray(start, end));
    }
    writer.endDeliveries(section, to - from);
    return to;
  }

  /** A writer with room for that many more bytes. */
  #room(bytes: number): FrameWriter {
    if (this.bytes > 0 && this.bytes + bytes + SECTION_BYTES > this.#frameBytesMax) this.#send();
    if (this.#writer === undefined) {
      this.#writer = idleWriters.pop() ?? new FrameWriter();
      if (dirty.length === 0) setImmediate(flushAll);
      dirty.push(this);
    }
    return this.#writer;
  }

  flush(): void {
    if (this.#writer === undefined) return;
    this.#send();
    if (idleWriters.length < writersMax) idleWriters.push(this.#writer);
    this.#writer = undefined;
  }

  #send(): void {
    if (this.bytes > 0 && this.#writer !== undefined) this.#port.send(FRAME_EVENT, this.#writer.take());
  }
}

function runBytes(runs: readonly { readonly error?: ErrorReply | undefined }[]): number {
  let bytes = 0;
  for (const { error } of runs) bytes += error === undefined ? RUN_BYTES : ERROR_BYTES;
  return bytes;
}
