import { ByteWriter, FORMAT_JSON, FRAME_EVENT, type Headers, RecordView } from "holdfast-client/protocol";
import { givenHeaders, senderIn } from "../emit.js";
import type { RoomBlock, RoomSlice } from "../room-engine.js";
import { RecentFrames } from "./recent-frames.js";
import { DEFAULT_EVENT, readArgs } from "./room-packets.js";
import type { EncodedPacket, SocketPort } from "./socket-port.js";

/** Messages of one room that follow each other without a hole, all of them first deliveries, or none. */
export type RoomRun = readonly [RoomSlice, ...RoomSlice[]];

/** What a run becomes: packets, and the sequences of messages that cannot be read. */
export interface RunFrames {
  readonly packets: readonly EncodedPacket[];
  readonly unreadable: readonly number[];
}

/** What may accompany a message. */
interface Details {
  readonly headers?: Headers | undefined;
  readonly key?: string | undefined;
}

/**
 * Room messages as frames: many in one packet, encoded once for all devices that come to the same place, now or a little
 * later. A packet says nothing of a device, so it may go to any.
 */
export class RoomFrames {
  readonly #byEncoder = new WeakMap<object, RecentFrames>();

  /** The frames of a run, for this socket and every other one of its namespace that has the same encoder. */
  of(run: RoomRun, port: SocketPort): RunFrames {
    const { encoder } = port;
    let recent = this.#byEncoder.get(encoder);
    if (recent === undefined) {
      recent = new RecentFrames();
      this.#byEncoder.set(encoder, recent);
    }
    const [{ block, from, redelivered }] = run;
    const key = `${block.room.number} ${block.first + from} ${endOf(run)} ${redelivered}`;
    const known = recent.get(key);
    if (known !== undefined) return known;
    const frames = encodeRun(run, port);
    recent.add(key, frames);
    return frames;
  }
}

/** One past the last sequence of a run. */
export function endOf(run: RoomRun): number {
  const { block, to } = run.at(-1) ?? run[0];
  return block.first + to;
}

/** What is being written: never more than one run at a time. */
const writer = new ByteWriter();

function encodeRun(run: RoomRun, port: SocketPort): RunFrames {
  const packets: EncodedPacket[] = [];
  const unreadable: number[] = [];
  const [{ block, redelivered }] = run;
  const { number, target } = block.room;
  const endText = (): void => {
    if (writer.length === 0) return;
    writer.text("]]");
    const json = writer.view();
    packets.push(port.encodeJson(FRAME_EVENT, json) ?? port.encodeOnly(FRAME_EVENT, JSON.parse(Buffer.from(json).toString())));
    writer.rewind(0);
  };
  // One that failed may have left something.
  writer.rewind(0);
  for (const slice of run) {
    for (let index = slice.from; index < slice.to; index++) {
      const sequence = slice.block.first + index;
      const view = viewOf(slice.block, index);
      const args = argsOf(view);
      if (args !== undefined) {
        writer.text(writer.length === 0 ? `[${number},${JSON.stringify(target)},${sequence},${redelivered},[` : ",");
        writeMessage(view, args);
        continue;
      }
      endText();
      const message = asValues(slice.block, index);
      if (message === undefined) unreadable.push(sequence);
      else packets.push(port.encodeOnly(FRAME_EVENT, [number, target, sequence, redelivered, [message]]));
    }
  }
  endText();
  return { packets, unreadable };
}

const viewOf = ({ bytes, offsets }: RoomBlock, index: number): RecordView =>
  new RecordView(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);

const ARRAY_BEGINS = 0x5b;

/** The arguments as JSON, as the server that took the emit packed them; undefined when there are buffers among them. */
function argsOf(view: RecordView): Uint8Array | undefined {
  if (view.format !== FORMAT_JSON) return undefined;
  const body = view.bodyBytes;
  return body[0] === ARRAY_BEGINS ? body : undefined;
}

/** Writes a message as JSON. */
function writeMessage(view: RecordView, args: Uint8Array): void {
  writer.text(`[${JSON.stringify(view.event ?? DEFAULT_EVENT)},${JSON.stringify(view.id)},`);
  writer.bytes(args);
  const details = detailsOf(view);
  writer.text(details.length === 0 ? "]" : `,${JSON.stringify(details).slice(1)}`);
}

/** The same for one with buffers, which the encoder sends beside the packet; undefined when it cannot be read. */
function asValues({ bytes, offsets }: RoomBlock, index: number): readonly unknown[] | undefined {
  const message = readArgs(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  if (message === undefined) return undefined;
  const { content, args } = message;
  return [content.event ?? DEFAULT_EVENT, content.id, args, ...detailsOf(content)];
}

/** Sender, key and headers, up to the last that it has. */
function detailsOf({ headers, key }: Details): readonly unknown[] {
  const sender = senderIn(headers);
  const given = givenHeaders(headers);
  if (given !== undefined) return [sender ?? null, key ?? null, given];
  if (key !== undefined) return [sender ?? null, key];
  return sender === undefined ? [] : [sender];
}
