import { FRAME_EVENT, type Headers, RecordView } from "holdfast-client/protocol";
import { givenHeaders, senderIn } from "../emit.js";
import type { RoomBlock, RoomSlice } from "../room-engine.js";
import { DEFAULT_EVENT, readArgs } from "./room-packets.js";
import type { EncodedPacket, SocketPort } from "./socket-port.js";

/** Of what was encoded, the texts and their WebSocket frames, so much is kept. */
const KEPT_BYTES_MAX = 8_388_608;
/** A text and its frame. */
const COPIES = 2;

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

/** Packets by what is in them, those that were not asked for the longest go first. */
class Kept {
  readonly #frames = new Map<string, { readonly frames: RunFrames; readonly bytes: number }>();
  #bytes = 0;

  get(key: string): RunFrames | undefined {
    const known = this.#frames.get(key);
    if (known === undefined) return undefined;
    this.#frames.delete(key);
    this.#frames.set(key, known);
    return known.frames;
  }

  add(key: string, frames: RunFrames): void {
    let bytes = 0;
    for (const { parts } of frames.packets) for (const part of parts) bytes += part.length * COPIES;
    this.#frames.set(key, { frames, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#frames) {
      if (this.#bytes <= KEPT_BYTES_MAX) break;
      this.#frames.delete(oldest);
      this.#bytes -= freed;
    }
  }
}

/**
 * Room messages as frames: many in one packet, encoded once for all devices that come to the same place, now or a little
 * later. A packet says nothing of a device, so it may go to any.
 */
export class RoomFrames {
  readonly #byEncoder = new WeakMap<object, Kept>();

  /** The frames of a run, for this socket and every other one of its namespace that has the same encoder. */
  of(run: RoomRun, port: SocketPort): RunFrames {
    const { encoder } = port;
    let kept = this.#byEncoder.get(encoder);
    if (kept === undefined) {
      kept = new Kept();
      this.#byEncoder.set(encoder, kept);
    }
    const [{ block, from, redelivered }] = run;
    const key = `${block.room.number} ${block.first + from} ${endOf(run)} ${redelivered}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const frames = encodeRun(run, port);
    kept.add(key, frames);
    return frames;
  }
}

/** One past the last sequence of a run. */
export function endOf(run: RoomRun): number {
  const { block, to } = run.at(-1) ?? run[0];
  return block.first + to;
}

function encodeRun(run: RoomRun, port: SocketPort): RunFrames {
  const packets: EncodedPacket[] = [];
  const unreadable: number[] = [];
  const [{ block, redelivered }] = run;
  const { number, target } = block.room;
  let texts: string[] = [];
  let first = 0;
  const endText = (): void => {
    if (texts.length === 0) return;
    const json = `[${number},${JSON.stringify(target)},${first},${redelivered},[${texts.join(",")}]]`;
    packets.push(port.encodeJson(FRAME_EVENT, json) ?? port.encodeOnly(FRAME_EVENT, JSON.parse(json)));
    texts = [];
  };
  for (const slice of run) {
    for (let index = slice.from; index < slice.to; index++) {
      const sequence = slice.block.first + index;
      const text = textOf(slice.block, index);
      if (text !== undefined) {
        if (texts.length === 0) first = sequence;
        texts.push(text);
        continue;
      }
      endText();
      const message = valueOf(slice.block, index);
      if (message === undefined) unreadable.push(sequence);
      else packets.push(port.encodeOnly(FRAME_EVENT, [number, target, sequence, redelivered, [message]]));
    }
  }
  endText();
  return { packets, unreadable };
}

/** A message as JSON, with its arguments as they were packed; undefined when there are buffers among them. */
function textOf({ bytes, offsets }: RoomBlock, index: number): string | undefined {
  const view = new RecordView(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  const args = view.bodyText();
  if (args?.startsWith("[") !== true) return undefined;
  const details = detailsOf(view);
  const rest = details.length === 0 ? "" : `,${JSON.stringify(details).slice(1, -1)}`;
  return `[${JSON.stringify(view.event ?? DEFAULT_EVENT)},${JSON.stringify(view.id)},${args}${rest}]`;
}

/** The same for one with buffers, which the encoder sends beside the packet; undefined when it cannot be read. */
function valueOf({ bytes, offsets }: RoomBlock, index: number): readonly unknown[] | undefined {
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
