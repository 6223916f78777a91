import type { Socket } from "socket.io-client";
import { HoldfastError } from "./errors.js";
import {
  type DeliveriesSection,
  FRAME_EVENT,
  FRAME_VERSION,
  FrameWriter,
  type ReceiptRun,
  readDeliveries,
  readReceipts,
  readRefused,
  readSettled,
  SECTION,
  type Section,
  type SettledRun,
  sectionsOf,
} from "./frame.js";
import { afterTurn } from "./turn.js";

/** What a request in a frame is answered with. */
type OnReceipts = (runs: readonly ReceiptRun[]) => void;
type OnSettled = (runs: readonly SettledRun[]) => void;

/** The reply to a plain event. */
export type Reply = Readonly<Record<string, unknown>>;

/** Who takes part in the connection. */
export interface Party {
  /** The server took the hello. What an earlier connection left unanswered will stay unanswered. */
  onReady(): void;
  onLost(): void;
  /** The server refuses this client for as long as this connection lasts. */
  onRefused(error: HoldfastError): void;
  /** The turn is over: put what waits into `Connection.frame`. */
  write(): void;
  onDeliveries?(section: DeliveriesSection, frame: Uint8Array): void;
}

const HELLO_TIMEOUT_MS = 10_000;
/** Longer than any connection without an answer; the largest number a timer takes. */
const NO_TIMEOUT_MS = 0x7fff_ffff;

/** 100 ms doubling to 5 s, up to half of it random so that clients do not come back all at once. */
export const backoffMs = (attempt: number): number => Math.min(100 * 2 ** attempt, 5_000) * (0.5 + Math.random() / 2);

/**
 * Frames and plain events over one Socket.IO socket.
 *
 * lost -> (connect) -> greeting -> (reply to hello) -> ready -> (disconnect) -> lost. Each connection has a generation;
 * an answer that belongs to an earlier one is dropped.
 */
export class Connection {
  readonly frame = new FrameWriter();
  readonly #socket: Socket;
  readonly #parties: Party[] = [];
  readonly #receipts = new Map<number, OnReceipts>();
  readonly #settled = new Map<number, OnSettled>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #listeners: readonly (readonly [string, (argument: unknown) => void])[];
  #ready = false;
  #generation = 0;
  #attempt = 0;
  #frameBytesMax = 0;
  #lastRequest = 0;
  #flushing = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listeners = [
      ["connect", () => this.#hello()],
      ["disconnect", () => this.#lost()],
      [FRAME_EVENT, (frame) => this.#onFrame(frame)],
    ];
  }

  /** Starts with these, which are told of everything in this order. */
  start(parties: readonly Party[]): void {
    this.#parties.push(...parties);
    for (const [event, listener] of this.#listeners) this.#socket.on(event, listener);
    if (this.#socket.connected) this.#hello();
  }

  /** Stops for good: no timer and no listener is left. */
  stop(): void {
    for (const [event, listener] of this.#listeners) this.#socket.off(event, listener);
    if (this.#ready) this.#lost();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Runs `task` later; returns how to take that back. */
  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, delayMs);
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
      clearTimeout(timer);
    };
  }

  /** Sends a plain event on this connection; when it is lost before the reply, `done` is not called. */
  request(event: string, payload: object, done: (error: HoldfastError | undefined, reply: Reply) => void): void {
    this.#emitWithReply(event, payload, NO_TIMEOUT_MS, done);
  }

  #emitWithReply(
    event: string,
    payload: object,
    timeoutMs: number,
    done: (error: HoldfastError | undefined, reply: Reply) => void,
  ): void {
    const generation = this.#generation;
    const onReply = (late: Error | null, answer: unknown): void => {
      if (generation !== this.#generation) return;
      const reply = (answer ?? {}) as Reply;
      if (late) done(new HoldfastError("UNKNOWN", `${event} was not answered within ${timeoutMs} ms`), {});
      else done(reply.ok === true ? undefined : HoldfastError.from(reply.error), reply);
    };
    // With a timeout of its own the callback's form does not depend on the socket's option `ackTimeout`.
    this.#emit(() => this.#socket.timeout(timeoutMs).emit(event, payload, onReply));
  }

  #emit(send: () => void): void {
    const { sendBuffer } = this.#socket;
    const before = sendBuffer.length;
    send();
    // Socket.IO found the connection dead and kept the packet for the next one, where nothing may come before hello.
    if (sendBuffer.length > before) sendBuffer.pop();
  }

  #hello(): void {
    this.#generation++;
    this.#greet();
  }

  #greet(): void {
    const generation = this.#generation;
    this.#emitWithReply("holdfast:hello", { frames: FRAME_VERSION }, HELLO_TIMEOUT_MS, (error, reply) => {
      if (error === undefined) return this.#enterReady(Number(reply.frameBytesMax));
      if (!error.retryable) return this.#refuse(error);
      this.after(backoffMs(this.#attempt++), () => generation === this.#generation && this.#greet());
    });
  }

  #enterReady(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax;
    this.#attempt = 0;
    this.#ready = true;
    for (const party of this.#parties) party.onReady();
    this.flushSoon();
  }

  #lost(): void {
    this.#generation++;
    this.#ready = false;
    this.#receipts.clear();
    this.#settled.clear();
    for (const party of this.#parties) party.onLost();
  }

  #refuse(error: HoldfastError): void {
    for (const party of this.#parties) party.onRefused(error);
  }

  /** Writes and sends what waits once this turn is over. */
  flushSoon(): void {
    if (!this.#ready || this.#flushing) return;
    this.#flushing = true;
    afterTurn(() => {
      this.#flushing = false;
      if (!this.#ready) return;
      for (const party of this.#parties) party.write();
      this.sendFrame();
    });
  }

  /** Bytes that the frame still takes. */
  get room(): number {
    return this.#frameBytesMax - this.frame.length;
  }

  /** Sends the frame and begins another; false when there was nothing in it. */
  sendFrame(): boolean {
    if (this.frame.length === 0) return false;
    const bytes = this.frame.take();
    this.#emit(() => this.#socket.emit(FRAME_EVENT, bytes));
    return true;
  }

  /** The number for a publish section whose receipts go to `done`. */
  expectReceipts(done: OnReceipts): number {
    this.#receipts.set(this.#nextRequest(), done);
    return this.#lastRequest;
  }

  /** The number for a settle section whose results go to `done`. */
  expectSettled(done: OnSettled): number {
    this.#settled.set(this.#nextRequest(), done);
    return this.#lastRequest;
  }

  #nextRequest(): number {
    this.#lastRequest = this.#lastRequest === 0xffff_ffff ? 1 : this.#lastRequest + 1;
    return this.#lastRequest;
  }

  #onFrame(argument: unknown): void {
    // Node's buffers are narrowed to plain bytes: their `slice` would share memory where that of bytes copies.
    const frame = ArrayBuffer.isView(argument)
      ? new Uint8Array(argument.buffer, argument.byteOffset, argument.byteLength)
      : new Uint8Array(argument instanceof ArrayBuffer ? argument : 0);
    try {
      for (const section of sectionsOf(frame)) this.#onSection(section, frame);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // The rest cannot be read, so everything unanswered has to be asked for again.
      this.#socket.io.engine.close();
    }
  }

  #onSection({ type, content }: Section, frame: Uint8Array): void {
    switch (type) {
      case SECTION.receipts: {
        const { request, runs } = readReceipts(content);
        return this.#answer(this.#receipts, request)?.(runs);
      }
      case SECTION.settled: {
        const { request, runs } = readSettled(content);
        return this.#answer(this.#settled, request)?.(runs);
      }
      case SECTION.refused: {
        const { request, error } = readRefused(content);
        if (request === 0) return this.#refuse(HoldfastError.from(error));
        const whole = [{ count: Number.POSITIVE_INFINITY, sequence: 0, duplicate: false, error }];
        this.#answer(this.#receipts, request)?.(whole);
        return this.#answer(this.#settled, request)?.(whole);
      }
      case SECTION.deliveries: {
        const section = readDeliveries(content);
        for (const party of this.#parties) party.onDeliveries?.(section, frame);
        return;
      }
      default:
        // A later server may say more; a client of this version does not need it.
        return;
    }
  }

  #answer<Done>(waiting: Map<number, Done>, request: number): Done | undefined {
    const done = waiting.get(request);
    waiting.delete(request);
    return done;
  }
}
