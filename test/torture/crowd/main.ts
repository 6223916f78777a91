import type { Socket as TcpSocket } from "node:net";
import { SignJWT } from "jose";
import { io, type Socket } from "socket.io-client";
import { pause } from "../pause.js";
import { CROWD_TOKEN, type CrowdOrder, type CrowdSpec, type CrowdWord } from "./spec.js";

/** Connections that are made at a time at the beginning. */
const STARTING = 50;
const ANSWER_MS = 30_000;
const SLOW_EVERY_MS = 500;
const SLOW_READS_MS = 5;

const spec = JSON.parse(process.argv[2] ?? "") as CrowdSpec;
const sockets: Socket[] = [];
const here = new Set<string>();

async function tokenOf(user: string, secret: string): Promise<string> {
  const claims = { holdfast: { consume: spec.consumes === undefined ? [] : [spec.consumes.queue] } };
  const { issuer, audience } = CROWD_TOKEN;
  const token = new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setSubject(user).setIssuer(issuer).setAudience(audience);
  return token.setExpirationTime("2h").sign(new TextEncoder().encode(secret));
}

function say(): void {
  const word: CrowdWord = { here: here.size };
  process.send?.(word);
}

/** Does what it is here for; true when all of it was granted. */
async function begin(socket: Socket): Promise<boolean> {
  const { consumes, joins } = spec;
  const asks: [string, object][] = [];
  if (consumes !== undefined) asks.push(["holdfast:consume", consumes]);
  if (joins !== undefined) asks.push(["holdfast:join", { room: joins }]);
  for (const [event, payload] of asks) {
    const reply: unknown = await socket
      .timeout(ANSWER_MS)
      .emitWithAck(event, payload)
      .catch(() => ({ ok: false }));
    if (!(reply as { readonly ok: boolean }).ok) return false;
  }
  return true;
}

async function client(user: string): Promise<void> {
  const token = spec.secret === undefined ? undefined : await tokenOf(user, spec.secret);
  const socket = io(spec.url, { transports: ["websocket"], forceNew: true, auth: token === undefined ? { user } : { token } });
  sockets.push(socket);
  socket.on("holdfast:delivery", (_: unknown, answer: () => void) => answer());
  socket.on("news", (_: unknown, answer: () => void) => answer());
  socket.on("disconnect", () => here.delete(user));
  await new Promise<void>((resolve) => {
    socket.on("connect", () => {
      void begin(socket).then((granted) => {
        if (granted) here.add(user);
        resolve();
      });
    });
  });
}

/** The WebSocket below a socket. */
interface Line {
  readonly _socket?: TcpSocket;
  close(): void;
}

const lineOf = ({ io: manager }: Socket): Line | undefined =>
  (manager.engine?.transport as unknown as { readonly ws?: Line } | undefined)?.ws;

/** Lets the socket read nothing again, and say nothing: a client would soon miss the server's heartbeats, close its side and come back. */
function breakLine(socket: Socket): void {
  socket.io.reconnection(false);
  const line = lineOf(socket);
  line?._socket?.pause();
  if (line !== undefined) line.close = () => undefined;
}

/** Lets the socket read a little now and then; what it reads it acknowledges. */
async function readSlowly(socket: Socket): Promise<void> {
  for (;;) {
    lineOf(socket)?._socket?.pause();
    await pause(SLOW_EVERY_MS);
    lineOf(socket)?._socket?.resume();
    await pause(SLOW_READS_MS);
  }
}

process.on("message", (order: CrowdOrder) => {
  if (order.order === "leave") {
    for (const socket of sockets) socket.disconnect();
    process.exit();
  }
  for (const socket of sockets.slice(0, order.slow)) void readSlowly(socket);
  for (const socket of sockets.slice(order.slow)) breakLine(socket);
});

const users = Array.from({ length: spec.clients }, (_, index) => `${spec.name}-${index}`);
const lanes = users.values();
const lane = async (): Promise<void> => {
  for (const user of lanes) await client(user);
};
setInterval(say, 50);
await Promise.all(Array.from({ length: STARTING }, lane));
