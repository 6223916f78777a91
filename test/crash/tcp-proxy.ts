import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "toServer" | "toClient";

/**
 * A TCP proxy before the server. It can hold back what flows in one direction, so that a kill finds the other side
 * without an answer; when the server's side ends, what is held is lost.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<Direction>();
  #url = "";
  #unanswered = 0;

  /** @param port the server's */
  constructor(port: number) {
    this.#server = createServer((client) => this.#join(client, port));
  }

  async open(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    this.#url = `http://127.0.0.1:${address.port}`;
  }

  get url(): string {
    return this.#url;
  }

  /** Bytes that went to the server since it last said anything. */
  get unanswered(): number {
    return this.#unanswered;
  }

  #join(client: Socket, port: number): void {
    const server = connect(port, "127.0.0.1");
    this.#pass(client, server, "toServer");
    this.#pass(server, client, "toClient");
  }

  #pass(from: Socket, to: Socket, direction: Direction): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("data", (bytes) => {
      this.#unanswered = direction === "toServer" ? this.#unanswered + bytes.length : 0;
      if (this.#held.has(direction)) return;
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
  }

  /** Drops what comes from that direction from now on. The connections are of no use any more: the server is to be killed. */
  hold(direction: Direction): void {
    this.#held.add(direction);
  }

  /** Cuts every connection and lets new ones through. */
  release(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.release();
    this.#server.close();
    await once(this.#server, "close");
  }
}
