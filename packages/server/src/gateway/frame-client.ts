import {
  ByteWriter,
  DeliveriesSection,
  eachSection,
  FRAME_EVENT,
  FrameWriter,
  type ReceiptRun,
  RecordView,
  readReceipts,
  readRefused,
  readSettled,
  SECTION,
  type SettledRun,
  type SettleRun,
  writeRecord,
} from "holdfast-client/protocol";
import type { Socket } from "socket.io-client";
import { ask, Happenings, type Reply } from "./test-host.js";

/** A delivery as it came in a frame. */
export interface Delivered {
  readonly handle: number;
  readonly lease: number;
  readonly attempt: number;
  readonly sequence: number;
  readonly id: string;
  readonly body: unknown;
  readonly priority: number;
}

/** Speaks frames by hand. */
export class FrameClient {
  readonly delivered = new Happenings<Delivered>();
  readonly receipts = new Happenings<{ request: number; runs: ReceiptRun[] }>();
  readonly settled = new Happenings<{ request: number; runs: SettledRun[] }>();
  readonly refused = new Happenings<{ request: number; error: { code: string; message: string } }>();
  readonly hello: Reply;
  readonly socket: Socket;
  frames = 0;
  #request = 0;

  private constructor(socket: Socket, hello: Reply) {
    this.socket = socket;
    this.hello = hello;
    socket.on(FRAME_EVENT, (frame: Uint8Array) => this.#read(frame));
  }

  static async on(socket: Socket): Promise<FrameClient> {
    return new FrameClient(socket, await ask(socket, "holdfast:hello", { frames: 1 }));
  }

  #read(frame: Uint8Array): void {
    this.frames++;
    eachSection(frame, (type, content) => {
      if (type === SECTION.receipts) this.receipts.add(readReceipts(content));
      else if (type === SECTION.settled) this.settled.add(readSettled(content));
      else if (type === SECTION.refused) this.refused.add(readRefused(content));
      else {
        const section = new DeliveriesSection(content);
        for (const [index, start] of section.starts.entries()) {
          const record = new RecordView(content.bytes, start, start + content.peekU32(start));
          this.delivered.add({
            handle: section.handle,
            lease: section.firstLease + index,
            attempt: content.peekU32(start - 10),
            sequence: content.peekU48(start - 16),
            id: record.id,
            body: record.body(),
            priority: record.priority,
          });
        }
      }
    });
  }

  publish(queue: string, firstNumber: number, bodies: readonly unknown[], more: { producer?: string; oldestOpen?: number } = {}): number {
    const records = new ByteWriter();
    for (const [index, body] of bodies.entries()) writeRecord(records, { id: `p-${firstNumber + index}` }, body);
    return this.section((writer, request) =>
      writer.publish({
        request,
        atomic: false,
        queue,
        producer: more.producer ?? "p",
        firstNumber,
        oldestOpen: more.oldestOpen ?? firstNumber,
        count: bodies.length,
        records: records.take(),
      }),
    );
  }

  settle(handle: number, runs: readonly SettleRun[]): number {
    return this.section((writer, request) => writer.settle({ request, handle, runs }));
  }

  section(write: (writer: FrameWriter, request: number) => void): number {
    const request = ++this.#request;
    const writer = new FrameWriter();
    write(writer, request);
    this.socket.emit(FRAME_EVENT, writer.take());
    return request;
  }
}
