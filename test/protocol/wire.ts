import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** The first byte of a WebSocket frame: RFC 6455, section 5.2. */
export const FINAL = 0x80;
export const TEXT = 0x01;
export const BINARY = 0x02;
export const CLOSE = 0x08;
export const PING_FRAME = 0x09;

/** A TCP connection on which everything may be said, also what no client library says. */
export class Wire {
  readonly #socket: Socket;
  /** Resolves when the connection is over, whoever ended it, to what was received. */
  readonly closed: Promise<string>;
  #received = "";
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#wake();
        resolve(this.#received);
      });
    });
  }

  static async open(url: string): Promise<Wire> {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const wire = new Wire(socket);
    await once(socket, "connect");
    return wire;
  }

  /** A WebSocket, after the handshake of Engine.IO. */
  static async upgrade(url: string, headers: readonly string[] = [], query = "EIO=4&transport=websocket"): Promise<Wire> {
    const wire = await Wire.open(url);
    wire.write(upgradeRequest(headers, query));
    await wire.until("\r\n\r\n");
    return wire;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Whole, in pieces of one byte each. */
  trickle(bytes: Uint8Array): void {
    this.#socket.setNoDelay(true);
    for (const byte of bytes) this.#socket.write(Buffer.from([byte]));
  }

  /** A frame from a client, which is masked. */
  frame(first: number, payload: string | Uint8Array = "", masked = true): void {
    this.write(frameOf(first, payload, masked));
  }

  text(packet: string): void {
    this.frame(FINAL | TEXT, packet);
  }

  /** Resolves once that was received, or the connection is over. */
  async until(text: string): Promise<string> {
    while (!this.#received.includes(text) && !this.#socket.destroyed) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#received;
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Ends the connection without a good-bye: the peer sees it reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

export const upgradeRequest = (headers: readonly string[] = [], query = "EIO=4&transport=websocket"): string =>
  [
    `GET /socket.io/?${query} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ...headers,
    "\r\n",
  ].join("\r\n");

function frameOf(first: number, payload: string | Uint8Array, masked = true): Buffer {
  const bytes = Buffer.from(payload);
  const mask = masked ? 0x80 : 0;
  const { length } = bytes;
  const head =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([first, mask | 127, 0, 0, 0, 0]), bytesOf(length)]);
  // A mask of zeros changes nothing.
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), bytes]);
}

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  return bytes;
}
