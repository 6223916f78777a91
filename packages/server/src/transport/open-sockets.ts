import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";

/** The sockets of an HTTP server, also those that said nothing yet or speak WebSocket by now, which Node does not end with it. */
export class OpenSockets {
  readonly #sockets = new Set<Socket>();

  constructor(http: HttpServer) {
    http.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
