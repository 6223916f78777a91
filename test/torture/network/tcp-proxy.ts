import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../packages/server/src/clock.js";
import type { Direction, Fault } from "./fault.js";
import { Link } from "./link.js";

interface TcpProxyOptions {
  readonly clock?: Clock;
  /** Called with each connection; what it returns is called when the server's side of that is over, see `Link`. */
  readonly onLink?: () => (deafMs: number) => void;
}

/** A TCP proxy before a server. Where the server does not listen, nobody can connect to it for long. */
export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #dropped = new Set<Direction>();
  readonly #clock: Clock;
  readonly #onLink: () => (deafMs: number) => void;
  #url = "";
  #unanswered = 0;

  private constructor(port: number, { clock = systemClock, onLink = () => () => {} }: TcpProxyOptions) {
    this.#clock = clock;
    this.#onLink = onLink;
    this.#server = createServer((client) => this.#join(client, port));
  }

  /** @param port the server's */
  static async open(port: number, options: TcpProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(port, options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    const address = proxy.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    proxy.#url = `http://127.0.0.1:${address.port}`;
    return proxy;
  }

  get url(): string {
    return this.#url;
  }

  /** How many there are, or their sides are still closing. */
  get connections(): number {
    return this.#links.size;
  }

  /** Bytes that went to the server since it last said anything. */
  get unanswered(): number {
    return this.#unanswered;
  }

  #join(client: Socket, port: number): void {
    const server = connect(port, "127.0.0.1");
    const link = new Link(client, server, this.#clock, this.#onLink());
    this.#links.add(link);
    for (const direction of this.#dropped) link.drop(direction);
    client.on("data", ({ length }) => {
      this.#unanswered += length;
    });
    server.on("data", () => {
      this.#unanswered = 0;
    });
    const leave = (): void => {
      if (!client.closed || !server.closed) return;
      link.destroy();
      this.#links.delete(link);
    };
    client.on("close", leave);
    server.on("close", leave);
  }

  /** Does that to the newest connection, if that is whole. */
  suffer(fault: Fault, onEffect: () => void): void {
    const link = [...this.#links].at(-1);
    if (link?.isWhole) link.suffer(fault, onEffect);
  }

  /** Faults are over. */
  heal(): void {
    for (const link of this.#links) link.heal();
  }

  /** Drops what comes from that direction from now on, of all connections. They are of no use any more: the server is to be killed. */
  drop(direction: Direction): void {
    this.#dropped.add(direction);
    for (const link of this.#links) link.drop(direction);
  }

  /** Cuts every connection and lets new ones through. */
  release(): void {
    for (const link of this.#links) link.destroy();
    this.#dropped.clear();
  }

  async close(): Promise<void> {
    this.release();
    this.#server.close();
    await once(this.#server, "close");
  }
}
