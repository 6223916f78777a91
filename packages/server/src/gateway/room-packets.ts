import { givenHeaders, senderIn } from "../emit.js";
import { type MessageContent, readMessage } from "../read-message.js";
import type { RoomBlock, RoomSlice } from "../room-engine.js";
import type { EncodedEvent, SocketPort } from "./socket-port.js";

/** Slices whose encoding is kept within a turn: those that many sessions get follow each other. */
const SLICES_MAX = 16;

/** Of a message that has none. */
export const DEFAULT_EVENT = "message";

/** A slice for sockets of one kind. */
interface Encoding {
  readonly encoder: object;
  readonly meta: boolean;
  /** One for each message; undefined for one that cannot become an event. */
  readonly events: readonly (EncodedEvent | undefined)[];
}

/**
 * Room messages as plain events, encoded once for all the devices that get them in one turn of the event loop, under the
 * same acknowledgement ids. Not longer: a client that comes back as another device must not find an id it was given before.
 */
export class RoomPackets {
  readonly #encodings = new Map<RoomSlice, Encoding[]>();
  #clearing = false;

  /** First deliveries. */
  shared(slice: RoomSlice, port: SocketPort, meta: boolean): readonly (EncodedEvent | undefined)[] {
    const { encoder } = port;
    const known = this.#encodings.get(slice)?.find((encoding) => encoding.encoder === encoder && encoding.meta === meta);
    if (known !== undefined) return known.events;
    const events = Array.from({ length: slice.to - slice.from }, (_, at) => {
      return encodeMessage(slice.block, slice.from + at, port, port.nextId(), meta, false);
    });
    this.#keep(slice, { encoder, meta, events });
    return events;
  }

  #keep(slice: RoomSlice, encoding: Encoding): void {
    const encodings = this.#encodings.get(slice);
    if (encodings === undefined) this.#encodings.set(slice, [encoding]);
    else encodings.push(encoding);
    if (this.#encodings.size > SLICES_MAX) {
      const [oldest] = this.#encodings.keys();
      if (oldest !== undefined) this.#encodings.delete(oldest);
    }
    if (this.#clearing) return;
    this.#clearing = true;
    queueMicrotask(() => {
      this.#clearing = false;
      this.#encodings.clear();
    });
  }
}

/** One message as an event; undefined when its body is none that an event can carry. */
export function encodeMessage(
  block: RoomBlock,
  index: number,
  port: SocketPort,
  id: number,
  meta: boolean,
  redelivered: boolean,
): EncodedEvent | undefined {
  const { bytes, offsets, first } = block;
  const message = readArgs(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);
  if (message === undefined) return undefined;
  const { content, args } = message;
  const last = meta ? [metaOf(block, content, first + index, redelivered)] : [];
  return port.encode(content.event ?? DEFAULT_EVENT, [...args, ...last], id);
}

/** What `meta: true` asks for. */
function metaOf({ room }: RoomBlock, content: MessageContent, sequence: number, redelivered: boolean): object {
  const { id, key } = content;
  const sender = senderIn(content.headers);
  const headers = givenHeaders(content.headers);
  return {
    id,
    ...room.target,
    sequence,
    redelivered,
    ...(sender === undefined ? undefined : { sender }),
    ...(key === undefined ? undefined : { key }),
    ...(headers === undefined ? undefined : { headers }),
  };
}

/** A message with its arguments; undefined when its body is none that an event can carry. */
export function readArgs(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly content: MessageContent; readonly args: readonly unknown[] } | undefined {
  try {
    const content = readMessage(bytes, start, end);
    return Array.isArray(content.body) ? { content, args: content.body } : undefined;
  } catch {
    return undefined;
  }
}
