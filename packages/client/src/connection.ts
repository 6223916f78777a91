import type { Socket } from "socket.io-client";
import { afterTurn, bytewise, inOneWrite } from "#platform";
import { asBytes } from "./body.js";
import type { ByteReader } from "./bytes.js";
import { type ErrorReply, HoldfastError } from "./errors.js";
import {
  DeliveriesSection,
  eachSection,
  type Fate,
  FRAME_EVENT,
  FRAME_VERSION,
  RequestWriter,
  readError,
  readFates,
  SECTION,
} from "./frame.js";
import type { EngineEnd, FrameText } from "./platform.js";

type OnAnswer = (fates: readonly Fate[]) => void;

/** The reply to a plain event. */
export type Reply = Readonly<Record<string, unknown>>;

/** Who has something to send. */
interface Writer {
  /** The turn is over: put what waits into `Connection.frame`. */
  write(): void;
}

/** Who takes deliveries. */
interface Taker {
  onDeliveries(section: DeliveriesSection): void;
}

/** Who takes part in the connection. */
export interface Party {
  /** Nothing is left to do for it; undefined as long as it takes part. */
  readonly idle?: boolean;
  /** The server took the hello. What an earlier connection left unanswered will stay unanswered. */
  onReady(): void;
  onLost?(): void;
  /** The client is closing: bring to an end what can go on for ever. */
  leave?(): void;
  /** The server refuses this client for as long as this connection lasts, or the client is closed. */
  onRefused(error: HoldfastError): void;
  /** The server ended a consumer, which may be another's. */
  onCancelled?(notice: Reply): void;
}

/** What hello says: that frames are spoken, and which device of its user this client is in rooms, if any. */
export interface Greeting {
  readonly frames: number;
  readonly rooms: false | { readonly meta: true; readonly frames: 1; readonly device?: string | undefined };
}

/** The error of a request; with the time to wait when it was one too many, and not carried out. */
interface RateLimited extends ErrorReply {
  readonly retryAfterMs?: number;
}

interface Packet {
  readonly type: number;
  readonly data?: object;
}

/** Socket.IO's type of the packet that joins a namespace. */
const CONNECT = 0;

/** What is used of Socket.IO's client beyond its public interface. */
interface SocketInternals {
  /** Sends it, and every packet. */
  packet(packet: Packet): void;
  readonly sendBuffer: unknown[];
  /** Of the next `emit`. */
  readonly flags: { fromQueue?: boolean };
}

const DRAIN_LOOK_MS = 5;
const HELLO_TIMEOUT_MS = 10_000;
/** The largest number a timer takes: 24.8 days. */
export const TIMER_MS_MAX = 0x7fff_ffff;

/** 100 ms doubling to 5 s, up to half of it random so that clients do not come back all at once. */
const backoffMs = (attempt: number): number => Math.min(100 * 2 ** attempt, 5_000) * (0.5 + Math.random() / 2);

/**
 * Frames and plain events over one Socket.IO socket.
 *
 * lost -> (connect) -> greeting -> (reply to hello) -> ready -> (disconnect) -> lost. Each connection has a generation;
 * an answer that belongs to an earlier one is dropped.
 */
export class Connection {
  readonly frame = new RequestWriter();
  ready = false;
  /** To be replaced as a whole; who does so on a connection that is ready tells the server. */
  greeting: Greeting = { frames: FRAME_VERSION, rooms: false };
  /** Bytes that this server takes in one record. */
  recordBytesMax = 0;
  /** Why nothing can be asked for as long as this connection lasts. */
  refusal: HoldfastError | undefined;
  readonly #socket: Socket;
  readonly #parties = new Set<Party>();
  /** Those with something to write, so that a turn costs nothing for the many others. */
  readonly #awake = new Set<Writer>();
  /** Who takes the deliveries of a handle, on this connection. */
  readonly takers = new Map<number, Taker>();
  readonly #answers = new Map<number, OnAnswer>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #listeners: [event: string, listener: (argument: unknown) => void][] = [];
  #generation = 0;
  #attempt = 0;
  #frameBytesMax = 0;
  #lastRequest = 0;
  readonly #flushAfterTurn = afterTurn(() => {
    this.#flushing = false;
    this.flush();
  });
  #flushing = false;
  #closing: HoldfastError | undefined;
  #stopped = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const internals = socket as unknown as SocketInternals;
    const { packet } = internals;
    // It is no device before hello. Said here, whatever the application does with the socket's `auth`.
    internals.packet = (sent) =>
      packet.call(socket, sent.type === CONNECT ? { ...sent, data: { ...sent.data, "holdfast:rooms": false } } : sent);
    this.#on("connect", () => this.#hello());
    this.#on("disconnect", () => this.#lost());
    this.#on("connect_error", (refusal) => {
      const { data } = refusal as { readonly data?: ErrorReply };
      // Without that it is the application's, or of the network.
      if (data?.retryable === undefined) return;
      if (data.retryable) this.pause(this.#attempt++, () => this.#socket.connect());
      else this.#refuse(HoldfastError.from(data));
    });
    this.#on(FRAME_EVENT, (frame) => this.#onFrame(frame));
    this.#on("holdfast:cancelled", (notice) => {
      for (const party of this.#parties) party.onCancelled?.(notice as Reply);
    });
    if (socket.connected) this.#hello();
  }

  join(party: Party): void {
    this.#parties.add(party);
    if (this.ready) party.onReady();
  }

  leave(party: Party): void {
    this.#parties.delete(party);
  }

  #on(event: string, listener: (argument: unknown) => void): void {
    this.#listeners.push([event, listener]);
    this.#socket.on(event, listener);
  }

  /** Throws `SHUTTING_DOWN` once the client is closing, and what the server refused it with. */
  assertOpen(): void {
    const error = this.#closing ?? this.refusal;
    if (error) throw error;
  }

  /** Takes nothing new, waits until everybody is idle, and disconnects. Gives up at `until`, or when nothing can come of it. */
  async close(until: number): Promise<void> {
    this.#closing = new HoldfastError("SHUTTING_DOWN", "client is closed", false);
    for (const party of this.#parties) party.leave?.();
    // Closing is rare: to look now and then is simpler than to be told by each of them.
    while (this.#socket.active && performance.now() < until && [...this.#parties].some((party) => !party.idle)) {
      await new Promise<void>((resolve) => this.after(DRAIN_LOOK_MS, resolve));
    }
    for (const [event, listener] of this.#listeners) this.#socket.off(event, listener);
    this.#lost();
    this.#refuse(this.#closing);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#stopped = true;
    this.#socket.disconnect();
  }

  /** Runs `task` later, unless the client is closed by then. */
  after(delayMs: number, task: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, delayMs);
    this.#timers.add(timer);
  }

  /** Runs `task` later, as `after`, and not before `leastMs`: the later, the more attempts there were before. */
  pause(attempt: number, task: () => void, leastMs = 0): void {
    this.after(backoffMs(attempt) + leastMs, task);
  }

  /**
   * Sends a plain event on this connection; again when there is no reply in time, and when the server says how long to wait with it. When
   * the connection is lost before the reply, `done` is not called.
   */
  request(
    event: string,
    payload: object,
    done: (error: HoldfastError | undefined, reply: Reply) => void,
    timeoutMs: number = TIMER_MS_MAX,
  ): void {
    const generation = this.#generation;
    let attempt = 0;
    // With a timeout of its own the callback's form does not depend on the socket's option `ackTimeout`.
    const send = (): void => this.#emit(() => this.#socket.timeout(timeoutMs).emit(event, payload, onReply));
    const onReply = (late: Error | null, answer: unknown): void => {
      if (generation !== this.#generation) return;
      const reply = (answer ?? {}) as Reply;
      const waitMs = late ? 0 : (reply.error as RateLimited | undefined)?.retryAfterMs;
      if (waitMs !== undefined) this.pause(attempt++, () => generation === this.#generation && send(), waitMs);
      else done(reply.ok ? undefined : HoldfastError.from(reply.error), reply);
    };
    send();
  }

  #emit(send: () => void): void {
    const { sendBuffer, flags } = this.#socket as unknown as SocketInternals;
    // With the option `retries` Socket.IO would queue the packet, add a callback to it, and send it again without one.
    flags.fromQueue = true;
    const before = sendBuffer.length;
    send();
    // Socket.IO found the connection dead and kept the packet for the next one, where nothing may come before hello.
    if (sendBuffer.length > before) sendBuffer.pop();
  }

  #hello(): void {
    const generation = this.#generation;
    const greeting = this.greeting;
    this.refusal = undefined;
    const onReply = (error: HoldfastError | undefined, reply: Reply): void => {
      // What it says was replaced meanwhile: nothing comes before the server knows.
      if (greeting !== this.greeting) this.#hello();
      else if (!error) this.#enterReady(reply);
      else if (!error.retryable) this.#refuse(error);
      else this.pause(this.#attempt++, () => generation === this.#generation && this.#hello());
    };
    this.request("holdfast:hello", greeting, onReply, HELLO_TIMEOUT_MS);
  }

  #enterReady({ frameBytesMax, limits }: Reply): void {
    this.#frameBytesMax = frameBytesMax as number;
    this.recordBytesMax = (limits as Reply).bodyBytesMax as number;
    this.#attempt = 0;
    this.ready = true;
    for (const party of this.#parties) party.onReady();
    this.flush();
  }

  #lost(): void {
    this.#generation++;
    this.ready = false;
    this.#answers.clear();
    this.takers.clear();
    for (const party of this.#parties) party.onLost?.();
  }

  #refuse(error: HoldfastError): void {
    this.refusal = error;
    for (const party of this.#parties) party.onRefused(error);
  }

  /** Lets `writer` write, and sends that, once this turn is over; or once the connection is ready. */
  flushSoon(writer: Writer): void {
    this.#awake.add(writer);
    if (!this.ready || this.#flushing) return;
    this.#flushing = true;
    this.#flushAfterTurn();
  }

  /** Writes and sends what waits. */
  flush(): void {
    if (!this.ready) return;
    const awake = [...this.#awake];
    this.#awake.clear();
    for (const writer of awake) writer.write();
    this.sendFrame();
  }

  /** Bytes that the frame still takes. */
  get room(): number {
    return this.#frameBytesMax - this.frame.length;
  }

  /** Sends the frame and begins another; false when there was nothing in it. */
  sendFrame(): boolean {
    if (this.frame.length === 0) return false;
    this.send(this.frame.take());
    return true;
  }

  /** Sends a frame on this connection. */
  send(frame: unknown): void {
    this.#emit(() => inOneWrite(this.#socket.io.engine as unknown as EngineEnd, () => this.#socket.emit(FRAME_EVENT, frame)));
  }

  /** A number for a section of a frame, whose answer goes to `onAnswer` unless the connection is lost before it. */
  expect(onAnswer: OnAnswer): number {
    this.#lastRequest = (this.#lastRequest + 1) >>> 0 || 1;
    this.#answers.set(this.#lastRequest, onAnswer);
    return this.#lastRequest;
  }

  #onFrame(argument: unknown): void {
    const frame = asBytes(argument);
    if (!frame) return;
    const text = bytewise(frame);
    try {
      eachSection(frame, (type, content) => this.#onSection(type, content, text));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // The rest cannot be read, so everything unanswered has to be asked for again.
      this.#socket.io.engine.close();
    }
  }

  #onSection(type: number, content: ByteReader, text: FrameText | undefined): void {
    // A later server may say more; a client of this version does not need it.
    if (type === SECTION.deliveries) {
      const section = new DeliveriesSection(content, text);
      this.takers.get(section.handle)?.onDeliveries(section);
    } else if (type === SECTION.refused) {
      const request = content.u32();
      const error = readError(content);
      if (request === 0) this.#refuse(error);
      else this.#answer({ request, runs: [{ count: Number.POSITIVE_INFINITY, error }] });
    } else if (type === SECTION.receipts || type === SECTION.settled) {
      this.#answer(readFates(content, type === SECTION.receipts));
    }
  }

  #answer({ request, runs }: { request: number; runs: readonly Fate[] }): void {
    const onAnswer = this.#answers.get(request);
    this.#answers.delete(request);
    onAnswer?.(runs);
  }
}
