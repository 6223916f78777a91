import { WebSocket } from "ws";

/** What a server says of itself when a connection opens. */
export interface Handshake {
  readonly sid: string;
  readonly upgrades: readonly string[];
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly maxPayload: number;
}

/** Separates the packets of a payload. */
const SEPARATOR = "\x1e";

export const PING = "2";

/** One HTTP request to the path of Socket.IO, with the query as given. */
export const request = (url: string, query: string, init?: RequestInit): Promise<Response> => fetch(`${url}/socket.io/?${query}`, init);

/** An Engine.IO session by HTTP long polling, packet by packet. */
export class PollingSession {
  readonly handshake: Handshake;
  readonly #url: string;

  private constructor(url: string, handshake: Handshake) {
    this.#url = url;
    this.handshake = handshake;
  }

  static async open(url: string): Promise<PollingSession> {
    const text = await (await request(url, "EIO=4&transport=polling")).text();
    if (!text.startsWith("0")) throw new Error(`the server answered ${text}`);
    return new PollingSession(url, JSON.parse(text.slice(1)) as Handshake);
  }

  get query(): string {
    return `EIO=4&transport=polling&sid=${this.handshake.sid}`;
  }

  get(init?: RequestInit): Promise<Response> {
    return request(this.#url, this.query, init);
  }

  post(...packets: readonly string[]): Promise<Response> {
    return request(this.#url, this.query, { method: "POST", body: packets.join(SEPARATOR) });
  }

  /** The packets of one poll. */
  async poll(): Promise<string[]> {
    return (await (await this.get()).text()).split(SEPARATOR);
  }

  /** Polls until there are so many packets; pings are answered and not counted. */
  async packets(count: number): Promise<string[]> {
    const packets: string[] = [];
    while (packets.length < count) {
      const polled = await this.poll();
      if (polled.includes(PING)) await this.post("3");
      packets.push(...polled.filter((packet) => packet !== PING));
    }
    return packets;
  }
}

/** A WebSocket whose messages are read one after the other. */
export class RawSocket {
  readonly #socket: WebSocket;
  readonly #messages: (string | Buffer)[] = [];
  #wake: () => void = () => undefined;
  #closed = false;
  /** Resolves when the connection is closed, or was refused. */
  readonly closed: Promise<void>;
  readonly opened: Promise<void>;

  constructor(url: string, query = "EIO=4&transport=websocket") {
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?${query}`);
    this.#socket.on("message", (data, isBinary) => {
      this.#messages.push(isBinary ? (data as Buffer) : String(data));
      this.#wake();
    });
    this.#socket.on("error", () => undefined);
    this.opened = new Promise((resolve) => this.#socket.once("open", () => resolve()));
    this.closed = new Promise((resolve) =>
      this.#socket.once("close", () => {
        this.#closed = true;
        this.#wake();
        resolve();
      }),
    );
  }

  /** The next message; fails when the connection is closed before. */
  async next(): Promise<string | Buffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#closed) throw new Error("the connection is closed");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next message that is text. */
  async text(): Promise<string> {
    const message = await this.next();
    if (typeof message !== "string") throw new Error(`expected text, got ${message.length} bytes`);
    return message;
  }

  send(...packets: readonly (string | Uint8Array)[]): void {
    for (const packet of packets) this.#socket.send(packet);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** A WebSocket that is past the handshake of Engine.IO. */
export async function openSocket(url: string): Promise<{ readonly socket: RawSocket; readonly handshake: Handshake }> {
  const socket = new RawSocket(url);
  const packet = await socket.text();
  if (!packet.startsWith("0")) throw new Error(`the server said ${packet}`);
  return { socket, handshake: JSON.parse(packet.slice(1)) as Handshake };
}

/** A WebSocket that has joined the namespace `/`. */
export async function joined(url: string, auth = ""): Promise<RawSocket> {
  const { socket } = await openSocket(url);
  socket.send(`40${auth}`);
  const packet = await socket.text();
  if (!packet.startsWith("40{")) throw new Error(`the server said ${packet}`);
  return socket;
}
