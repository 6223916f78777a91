import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { ByteWriter } from "./bytes.js";
import {
  eachSection,
  FRAME_EVENT,
  FrameWriter,
  type PublishSection,
  type ReceiptRun,
  readPublish,
  readSettle,
  SECTION,
  type SettledRun,
  type SettleSection,
} from "./frame.js";
import { type ConnectOptions, connect, type Holdfast } from "./index.js";
import { writeRecord } from "./record.js";
import { RecordView } from "./record-view.js";

type Callback = (reply: object) => void;
type Payload = Record<string, unknown>;

/** What a test decides about a publish section: its receipts, or nothing yet. */
type OnPublish = (section: PublishSection, socket: Socket) => readonly ReceiptRun[] | undefined;
type OnSettle = (section: SettleSection, socket: Socket) => readonly SettledRun[] | undefined;

/** One frame that a client sent. */
interface ReceivedFrame {
  readonly publishes: PublishSection[];
  readonly settles: SettleSection[];
}

/** A server that speaks just enough of the wire, with every answer in the hands of the test. */
export class TestServer {
  readonly #http: HttpServer = createServer();
  readonly #io = new Server(this.#http);
  readonly #clients: Holdfast[] = [];
  readonly #waiters: { readonly done: () => boolean; readonly resolve: () => void }[] = [];
  /** Everything received, in order. */
  readonly frames: ReceivedFrame[] = [];
  /** Frames with what was settled of rooms. */
  readonly roomSettlements: unknown[][] = [];
  readonly requests: { readonly event: string; readonly payload: Payload }[] = [];
  /** Bodies stored by the default `onPublish`, by queue, and what it knows of producers. */
  readonly stored = new Map<string, unknown[]>();
  readonly #numbers = new Map<string, Map<number, number>>();
  /** The answer to hello, or what it will be. */
  hello: object | Promise<object> = {
    ok: true,
    frames: 1,
    epoch: "e1",
    frameBytesMax: 1_000_000,
    limits: { bodyBytesMax: 262_144, maxInFlightMax: 10_000 },
  };
  onPublish: OnPublish = (section) => this.store(section);
  onSettle: OnSettle = (section) => section.runs.map(({ count }) => ({ count }));
  /** Answers plain events but hello; undefined is no answer yet. */
  onRequest: (event: string, payload: Payload) => object | undefined = () => ({ ok: true });
  socket: Socket | undefined;

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    server.#http.listen(0, "127.0.0.1");
    await once(server.#http, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  private constructor() {
    this.#io.on("connection", (socket) => this.#accept(socket));
  }

  connect(options: ConnectOptions = {}): Holdfast {
    const client = connect(this.url, { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 10, ...options });
    this.#clients.push(client);
    return client;
  }

  #accept(socket: Socket): void {
    this.socket = socket;
    socket.on(FRAME_EVENT, (frame: Uint8Array | unknown[]) => {
      if (!Array.isArray(frame)) return this.#onFrame(socket, new Uint8Array(frame));
      this.roomSettlements.push(frame);
      this.#changed();
    });
    socket.onAny((event: string, payload: Payload, reply?: Callback) => {
      if (event === FRAME_EVENT || reply === undefined) return;
      this.requests.push({ event, payload });
      const answer = event === "holdfast:hello" ? this.hello : this.onRequest(event, payload);
      if (answer instanceof Promise) void answer.then(reply);
      else if (answer !== undefined) reply(answer);
      this.#changed();
    });
    this.#changed();
  }

  #onFrame(socket: Socket, bytes: Uint8Array): void {
    const frame: ReceivedFrame = { publishes: [], settles: [] };
    const answer = new FrameWriter();
    this.frames.push(frame);
    eachSection(bytes, (type, content) => {
      if (type === SECTION.publish) {
        const section = readPublish(content);
        frame.publishes.push(section);
        const runs = this.onPublish(section, socket);
        if (runs !== undefined) answer.receipts(section.request, runs);
      } else {
        const section = readSettle(content);
        frame.settles.push(section);
        const runs = this.onSettle(section, socket);
        if (runs !== undefined) answer.settled(section.request, runs);
      }
    });
    if (answer.length > 0) socket.emit(FRAME_EVENT, answer.take());
    this.#changed();
  }

  /** Stores as a server does: once per number, and none before the ones before it. */
  store(section: PublishSection): ReceiptRun[] {
    const bodies = this.stored.get(section.queue) ?? [];
    this.stored.set(section.queue, bodies);
    const key = `${section.producer} ${section.queue}`;
    const numbers = this.#numbers.get(key) ?? new Map<number, number>();
    this.#numbers.set(key, numbers);
    return bodiesOf(section).map((body, index) => {
      const number = section.firstNumber + index;
      const before = numbers.get(number);
      if (before !== undefined) return { count: 1, sequence: before, duplicate: true };
      for (let older = section.oldestOpen; older < number; older++) {
        if (!numbers.has(older)) return refusal("PRODUCER_GAP");
      }
      bodies.push(body);
      numbers.set(number, bodies.length);
      return { count: 1, sequence: bodies.length, duplicate: false };
    });
  }

  /** Sends sections of the test's making. */
  send(write: (frame: FrameWriter) => void): void {
    const frame = new FrameWriter();
    write(frame);
    this.socket?.emit(FRAME_EVENT, frame.take());
  }

  /** Delivers bodies with consecutive leases. */
  deliver(handle: number, firstLease: number, bodies: readonly unknown[], leaseMs = 30_000): void {
    this.send((frame) => {
      const start = frame.beginDeliveries(handle, firstLease, leaseMs, 1_000_000 + leaseMs);
      const writer = new ByteWriter();
      bodies.forEach((body, index) => {
        writeRecord(writer, { id: `m${firstLease + index}`, event: "made", headers: { from: "test" }, priority: index % 10 }, body);
        frame.delivery(firstLease + index, 1, 500, writer.take());
      });
      frame.endDeliveries(start, bodies.length);
    });
  }

  /** Cuts the connection; the client makes another. */
  cut(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.conn.close();
  }

  /** Resolves once `done` holds; looked at whenever something arrives. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ done, resolve }));
  }

  #changed(): void {
    for (const waiter of [...this.#waiters]) {
      if (!waiter.done()) continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  publishes(): PublishSection[] {
    return this.frames.flatMap((frame) => frame.publishes);
  }

  settles(): SettleSection[] {
    return this.frames.flatMap((frame) => frame.settles);
  }

  events(): string[] {
    return this.requests.map(({ event }) => event);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close({ timeoutMs: 0 });
    await this.#io.close();
  }
}

/** Lets the event loop turn until something in this process has come about. */
export async function turnsUntil(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate);
}

export const refusal = (code: "PRODUCER_GAP" | "QUEUE_FULL" | "ID_CONFLICT", count = 1): ReceiptRun => ({
  count,
  sequence: 0,
  duplicate: false,
  error: { code, message: `${code} by the test`, retryable: code !== "ID_CONFLICT" },
});

export const recordsOf = ({ records }: PublishSection): RecordView[] => {
  const views: RecordView[] = [];
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let at = 0; at < records.length; at += view.getUint32(at, true)) {
    views.push(new RecordView(records, at, at + view.getUint32(at, true)));
  }
  return views;
};

export const bodiesOf = (section: PublishSection): unknown[] => recordsOf(section).map((record) => record.body());
export const prioritiesOf = (section: PublishSection): number[] => recordsOf(section).map(({ priority }) => priority);
export const idsOf = (section: PublishSection): string[] => recordsOf(section).map((record) => record.id);

/** The first records of a section. */
export function firstRecords(records: Uint8Array, count: number): Uint8Array {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let left = count; left > 0; left--) at += view.getUint32(at, true);
  return records.subarray(0, at);
}
