import { connect, type Socket } from "node:net";
import { io, type Socket as ClientSocket } from "socket.io-client";

/** Somebody who means no good, in a process of its own: `node flood.js KIND PORT TOKEN`, until it is ended. */
export type Flood = "slow requests" | "connections" | "wrong tokens" | "bad requests" | "large packets" | "packets too large";

const ADDRESS = "X-Forwarded-For: 203.0.113.9";
const [kind, port, token] = process.argv.slice(2) as [Flood, string, string];

function dial(text: string): Socket {
  const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
  return socket.on("error", () => undefined);
}

function slow(): void {
  dial(`GET / HTTP/1.1\r\nHost: localhost\r\n${ADDRESS}\r\nX: `).once("close", () => setTimeout(slow, 100));
}

function handshake(): void {
  const socket = dial(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n${ADDRESS}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  socket.once("data", () => socket.resetAndDestroy());
}

/** A connection as any client makes it. */
function client(auth: object): ClientSocket {
  const [name = "", value = ""] = ADDRESS.split(": ");
  return io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, auth, extraHeaders: { [name]: value } });
}

function wrongToken(): void {
  // As long as a right one, with the signature of another.
  const socket = client({ token: `${token.slice(0, -3)}AAA` });
  socket.once("connect_error", () => socket.disconnect());
}

/** Does something so often a second on a connection, and on the next one when that is cut. */
function onConnection(everyMs: number, act: (emit: (event: string, payload: unknown) => void) => void): void {
  const socket = client({ token });
  const timer = setInterval(() => {
    if (socket.connected) act((event, payload) => socket.emit(event, payload));
  }, everyMs);
  socket.once("disconnect", () => {
    clearInterval(timer);
    socket.disconnect();
    setTimeout(() => onConnection(everyMs, act), 10);
  });
}

switch (kind) {
  // 300 that never end, begun again when they are cut.
  case "slow requests":
    for (let count = 0; count < 300; count++) slow();
    break;
  // 500 handshakes a second from one address, reset at once.
  case "connections":
    setInterval(() => {
      for (let count = 0; count < 5; count++) handshake();
    }, 10);
    break;
  // 100 a second.
  case "wrong tokens":
    setInterval(wrongToken, 10);
    break;
  // 2,000 a second.
  case "bad requests":
    onConnection(10, (emit) => {
      for (let count = 0; count < 20; count++) emit("holdfast:publish", { queue: "" });
    });
    break;
  // 10 a second, of a message that is too large in a packet that is not.
  case "large packets":
    onConnection(100, (emit) => emit("holdfast:publish", { queue: "q", body: "x".repeat(1_500_000) }));
    break;
  // 10 a second of 4 MB.
  case "packets too large":
    onConnection(100, (emit) => emit("holdfast:publish", { queue: "q", body: "x".repeat(4_000_000) }));
    break;
  default:
    kind satisfies never;
}
process.on("disconnect", () => process.exit());
