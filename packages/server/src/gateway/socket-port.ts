import { type EngineEnd, inOneWrite } from "holdfast-client/protocol";
import type { Namespace, Socket } from "socket.io";
import { takeAll } from "../take-all.js";

/** What of one socket's outgoing bytes may wait before leasing to it stops. */
export const WAITING_BYTES_MAX = 65_536;

type AckCallback = (...args: unknown[]) => void;

/** An event made ready once, to be written to any number of sockets of one namespace. */
export interface EncodedPacket {
  /** What Socket.IO's encoder made of it: a text, and its buffers. */
  readonly parts: readonly (string | Uint8Array)[];
  readonly options: WriteOptions;
}

/** One that is answered. */
export interface EncodedEvent extends EncodedPacket {
  readonly id: number;
}

/** `wsPreEncodedFrame`: the WebSocket frame, which is then copied and not made anew for each socket. */
interface WriteOptions {
  readonly preEncoded: true;
  readonly wsPreEncodedFrame?: readonly Uint8Array[];
}

/**
 * What Holdfast uses of Socket.IO and Engine.IO beyond their public interface, all in this file. `socket-port.test.ts`
 * fails when an upgrade changes any of it.
 */
interface SocketInternals {
  readonly connected: boolean;
  /** Writes a packet to this client only. `emit` with connection state recovery would keep a copy to send again. */
  packet(packet: { type: number; data: unknown[]; id?: number }): void;
  /** Callbacks by acknowledgement id, called with what the client answers and then removed. */
  readonly acks: Map<number, AckCallback>;
  /** Takes an answer of the client, and ignores one whose callback is not there. */
  onack(packet: { readonly id?: number }): void;
  readonly conn: EngineEnd & {
    readonly server: { readonly opts: { readonly maxHttpBufferSize: number } };
    /** Packets that wait until the transport has sent the ones before. */
    readonly writeBuffer: readonly { readonly data?: string | Uint8Array }[];
    readonly transport: Transport;
    /** @param discard also what was not sent yet */
    close(discard: boolean): void;
    on(event: "upgrade", listener: () => void): void;
    off(event: "upgrade", listener: () => void): void;
  };
  readonly client: {
    readonly encoder: Encoder;
    /** Writes encoded packets to the connection; as Socket.IO's own adapter does for a broadcast. */
    writeToEngine(parts: readonly (string | Uint8Array)[], options: WriteOptions): void;
  };
  readonly nsp: { readonly name: string };
  readonly server: { readonly httpServer?: { address?(): unknown } };
}

/** The same of a namespace. */
interface NamespaceInternals {
  readonly server: { readonly opts: { readonly connectionStateRecovery?: { readonly skipMiddlewares?: boolean } } };
}

/** The parser that the application gave to its server, or Socket.IO's own. */
interface Encoder {
  encode(packet: { type: number; nsp: string; data: unknown[]; id?: number }): (string | Uint8Array)[];
  /** Of Socket.IO's own: what `JSON.stringify` is called with. */
  readonly replacer?: unknown;
}

/** Of the `ws` package, or of another one that the application gave to its server. */
interface WebSocket {
  /** What the operating system has not taken yet. */
  readonly bufferedAmount: number;
  /** Stops reading, and goes on. */
  pause?(): void;
  resume?(): void;
}

interface Transport {
  writable: boolean;
  /** Absent when polling. */
  readonly socket?: WebSocket;
  /** `drain`: the packets handed to the transport have left. */
  on(event: "drain", listener: () => void): void;
  off(event: "drain", listener: () => void): void;
}

const internalsOf = (socket: Socket): SocketInternals => socket as unknown as SocketInternals;

/** Socket.IO's packet type EVENT; its encoder makes it BINARY_EVENT when there are buffers in it. */
const EVENT = 2;

/** Ids of one life: 2^32, in the upper half of 2^33, so that no id of the application's own emits, which count from 0, is among them. */
const IDS_OF_A_LIFE = 2 ** 33;
const IDS_MAX = 2 ** 32;

/**
 * Acknowledgement ids of deliveries. They never repeat across lives of the process: a client may answer an id that a
 * process before this one gave it, on a connection to this one. The application's emits keep Socket.IO's own ids.
 */
export class AckIds {
  readonly #first: number;
  #count = 0;

  /** @param life below 2^20, never given twice: `Engine.life` */
  constructor(life: number) {
    this.#first = life * IDS_OF_A_LIFE + IDS_MAX;
  }

  /** After 2^32 deliveries of one life they begin again; the leases of the first ones are long over. */
  next(): number {
    return this.#first + (this.#count++ % IDS_MAX);
  }
}

/** Whether an acknowledgement id is of this process's deliveries, or of those of another life. */
const isOfDelivery = (id: number | undefined): id is number => id !== undefined && id % IDS_OF_A_LIFE >= IDS_MAX;

/** Calls `stale` for each answer of a client to a delivery that is not waited for (any more), and is ignored. */
export function watchStaleAnswers(socket: Socket, stale: () => void): void {
  const internals = internalsOf(socket);
  const take = internals.onack;
  internals.onack = (packet) => {
    if (isOfDelivery(packet.id) && !internals.acks.has(packet.id)) stale();
    take.call(internals, packet);
  };
}

/** Whether the HTTP server of this socket listens on a loopback address only. */
export function isBoundToLoopback(socket: Socket): boolean {
  const bound = internalsOf(socket).server.httpServer?.address?.();
  if (typeof bound !== "object" || bound === null || !("address" in bound)) return false;
  return bound.address === "::1" || /^(::ffff:)?127\./.test(String(bound.address));
}

/**
 * Ends a connection at once, without waiting for a client that reads nothing. As when the network fails, so that a client
 * comes back by itself, with the token that it has by then.
 */
export function cut(socket: Socket): void {
  internalsOf(socket).conn.close(true);
}

/** Whether sockets that come back with connection state recovery are let in without the namespace's middleware. */
export function skipsMiddleware(namespace: Namespace): boolean {
  const { opts } = (namespace as unknown as NamespaceInternals).server;
  return opts.connectionStateRecovery !== undefined && opts.connectionStateRecovery.skipMiddlewares !== false;
}

/** One client's socket, as the gateway writes to it. */
export class SocketPort {
  readonly #socket: SocketInternals;
  readonly #ids: AckIds;
  readonly #wakes = new Set<() => void>();
  /** The transport whose draining is watched, while somebody waits for room. */
  #watched: Transport | undefined;

  constructor(socket: Socket, ids: AckIds) {
    this.#socket = internalsOf(socket);
    this.#ids = ids;
  }

  /** The largest packet the server would take from this client, in bytes. */
  get packetBytesMax(): number {
    return this.#socket.conn.server.opts.maxHttpBufferSize;
  }

  /** Emits to this client, past the buffer of connection state recovery: what is lost is delivered again anyway. */
  send(event: string, payload: unknown): void {
    const { connected, conn } = this.#socket;
    if (connected) inOneWrite(conn, () => this.#socket.packet({ type: EVENT, data: [event, payload] }));
  }

  /** As `send`; the client's acknowledgement calls `answered`, at most once for an id. Returns that. */
  sendForAnswer(event: string, payload: unknown, answered: AckCallback, id = this.#ids.next()): number {
    this.#socket.packet({ type: EVENT, data: [event, payload], id });
    this.#socket.acks.set(id, answered);
    return id;
  }

  /** What decides, besides namespace and id, how an event is encoded. */
  get encoder(): object {
    return this.#socket.client.encoder;
  }

  /** An id for an event whose answer is waited for. */
  nextId(): number {
    return this.#ids.next();
  }

  /** Makes an event ready for this socket and every other one of its namespace that has the same `encoder`. */
  encode(event: string, args: readonly unknown[], id: number): EncodedEvent {
    const { client, nsp } = this.#socket;
    return { id, ...packetOf(client.encoder.encode({ type: EVENT, nsp: nsp.name, data: [event, ...args], id })) };
  }

  /** As `encode`, of an event with one argument and without an answer. */
  encodeOnly(event: string, argument: unknown): EncodedPacket {
    const { client, nsp } = this.#socket;
    return packetOf(client.encoder.encode({ type: EVENT, nsp: nsp.name, data: [event, argument] }));
  }

  /**
   * As `encodeOnly`, of an argument that is JSON already, in UTF-8: it is not parsed and written anew. Undefined when the encoder
   * that the application gave to its server does not write JSON as it is.
   */
  encodeJson(event: string, json: Uint8Array): EncodedPacket | undefined {
    const { client, nsp } = this.#socket;
    const [text, ...more] = client.encoder.encode({ type: EVENT, nsp: nsp.name, data: [event, 0] });
    const isJson = typeof text === "string" && text.endsWith(JSON_PLACE) && more.length === 0 && client.encoder.replacer === undefined;
    if (!isJson) return undefined;
    const head = Buffer.from(`${text.slice(0, -JSON_PLACE.length)},`);
    const { frame, start } = textFrame(head.length + json.length + 1);
    frame.set(head, start);
    frame.set(json, start + head.length);
    frame[frame.length - 1] = ARRAY_ENDS;
    return { parts: [frame.toString("utf8", start)], options: { preEncoded: true, wsPreEncodedFrame: [frame] } };
  }

  /** Sends what `encode` made; the client's acknowledgement calls `answered`, at most once. */
  sendEncoded({ id, parts, options }: EncodedEvent, answered: AckCallback): void {
    const { connected, client, acks } = this.#socket;
    if (!connected) return;
    client.writeToEngine(parts, options);
    acks.set(id, answered);
  }

  /** Sends what `encodeOnly` or `encodeJson` made. */
  sendPacket({ parts, options }: EncodedPacket): void {
    const { connected, client } = this.#socket;
    if (connected) client.writeToEngine(parts, options);
  }

  /** Has what `send` sends written to the system together. */
  inOneWrite(send: () => void): void {
    inOneWrite(this.#socket.conn, send);
  }

  /** Also takes the answer to a packet that was sent on another socket of the same client. */
  expectAnswer(id: number, answered: AckCallback): void {
    this.#socket.acks.set(id, answered);
  }

  /** A late answer is then stale. */
  dropAnswer(id: number): void {
    this.#socket.acks.delete(id);
  }

  /** Reads nothing from the client until what is returned is called: what it sends waits at its end. Not while it is polling. */
  holdReading(): () => void {
    const { socket } = this.#socket.conn.transport;
    socket?.pause?.();
    return () => socket?.resume?.();
  }

  /** Bytes that wait in this server, the application's too; counts no further than `enough`. */
  waitingBytes(enough: number): number {
    const { transport, writeBuffer } = this.#socket.conn;
    let bytes = transport.socket?.bufferedAmount ?? 0;
    for (const packet of writeBuffer) {
      if (bytes >= enough) break;
      bytes += packet.data?.length ?? 0;
    }
    return bytes;
  }

  /** Whether so much waits that no leases should be added. */
  isFull(): boolean {
    return this.waitingBytes(WAITING_BYTES_MAX + 1) > WAITING_BYTES_MAX;
  }

  /** Calls `wake` once when it is not full any more. Being full means packets are on their way, so a drain will come. */
  whenRoom(wake: () => void): void {
    this.#wakes.add(wake);
    if (this.#watched === undefined) this.#watch();
  }

  /** Forgets who waits for room. */
  close(): void {
    this.#unwatch();
    this.#wakes.clear();
  }

  #watch(): void {
    this.#watched = this.#socket.conn.transport;
    this.#watched.on("drain", this.#onDrain);
    this.#socket.conn.on("upgrade", this.#onUpgrade);
  }

  #unwatch(): void {
    this.#watched?.off("drain", this.#onDrain);
    this.#socket.conn.off("upgrade", this.#onUpgrade);
    this.#watched = undefined;
  }

  /** What waited goes out on another transport from now on. */
  #onUpgrade = (): void => {
    this.#unwatch();
    this.#watch();
  };

  #onDrain = (): void => {
    if (this.isFull()) return;
    this.#unwatch();
    for (const wake of takeAll(this.#wakes)) wake();
  };
}

/** The end of a packet with a number in the place of its last argument. */
const JSON_PLACE = ",0]";

const ARRAY_ENDS = 0x5d;

/** What an encoder made, with the WebSocket frame when it is one text. */
function packetOf(parts: readonly (string | Uint8Array)[]): EncodedPacket {
  const [text] = parts;
  if (parts.length !== 1 || typeof text !== "string") return { parts, options: { preEncoded: true } };
  const { frame, start } = textFrame(Buffer.byteLength(text));
  frame.write(text, start);
  return { parts, options: { preEncoded: true, wsPreEncodedFrame: [frame] } };
}

/** Engine.IO's packet type "message". */
const MESSAGE = 0x34;
const FINAL_TEXT = 0x81;

/** A WebSocket frame from a server for Engine.IO's message with a Socket.IO packet of so many bytes, to be put at `start`: RFC 6455, section 5.2. */
function textFrame(packetBytes: number): { readonly frame: Buffer; readonly start: number } {
  const bytes = packetBytes + 1;
  const head = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  // A buffer of its own: it may be kept for long, and would keep all of the pool that it was taken from.
  const frame = Buffer.allocUnsafeSlow(head + bytes);
  frame[0] = FINAL_TEXT;
  if (head === 2) {
    frame[1] = bytes;
  } else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = 127;
    frame.writeUIntBE(0, 2, 2);
    frame.writeUIntBE(bytes, 4, 6);
  }
  frame[head] = MESSAGE;
  return { frame, start: head + 1 };
}
