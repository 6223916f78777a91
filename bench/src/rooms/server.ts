import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Holdfast } from "holdfast";
import { Server } from "socket.io";
import { answerParent } from "./child.js";
import {
  BEGIN_EVENT,
  type Bursts,
  bodies,
  EVENT,
  type Mode,
  PROGRESS_EVENT,
  ROOM,
  type ServerQuestion,
  type ServerUsage,
  userOf,
} from "./protocol.js";

/** The server under test, in a process of its own. */

/** Emits that wait for their receipts at a time, while a store is filled. */
const FILL_WINDOW = 200;
const RSS_LOOK_MS = 100;

const http = createServer();
const io = new Server(http, { serveClient: false, transports: ["websocket"] });
let holdfast: Holdfast | undefined;
/** Bursts that each process of members has, by its connection. */
const progress = new Map<string, number>();
let onProgress: () => void = () => undefined;
let rssBytesMax = 0;
let resting: (() => void) | undefined;
let newestId = "";

async function listen(mode: Mode, directory: string): Promise<number> {
  if (mode !== "plain") {
    holdfast = await Holdfast.open({ directory });
    holdfast.attach(io);
  }
  io.on("connection", (socket) => {
    const { watches, room } = socket.handshake.auth;
    if (mode === "plain" && watches !== true) void socket.join(room);
    if (watches !== true) return;
    progress.set(socket.id, 0);
    socket.on(PROGRESS_EVENT, (bursts: number) => {
      progress.set(socket.id, bursts);
      onProgress();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  setInterval(() => {
    rssBytesMax = Math.max(rssBytesMax, process.memoryUsage.rss());
  }, RSS_LOOK_MS).unref();
  return (http.address() as AddressInfo).port;
}

/** Emits one message, durably or not. */
async function emit(room: string, body: object): Promise<void> {
  if (holdfast === undefined) io.to(room).emit(EVENT, body);
  else {
    const [receipt] = await holdfast.to(room).emit(EVENT, body);
    newestId = receipt?.id ?? "";
  }
}

async function add(room: string, first: number, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, index) => holdfast?.room(room).add({ user: userOf(first + index) }));
  await Promise.all(all);
}

async function fill(room: string, messages: number, bodyBytes: number): Promise<void> {
  const body = bodies(bodyBytes);
  let left = messages;
  const loop = async (): Promise<void> => {
    while (left-- > 0) await emit(room, body());
  };
  await Promise.all(Array.from({ length: FILL_WINDOW }, loop));
}

async function bursts({ ms, burst, ahead, bodyBytes }: Extract<ServerQuestion, { ask: "bursts" }>): Promise<Bursts> {
  const body = bodies(bodyBytes);
  for (const id of progress.keys()) progress.set(id, 0);
  await Promise.all(
    [...io.sockets.sockets.values()].filter(({ id }) => progress.has(id)).map((socket) => socket.emitWithAck(BEGIN_EVENT, burst)),
  );
  const until = async (count: number): Promise<void> => {
    while (Math.min(...progress.values()) < count)
      await new Promise<void>((resolve) => {
        onProgress = resolve;
      });
  };
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < ms) {
    await until(sent - ahead + 1);
    for (let index = 0; index < burst; index++) void emit(ROOM, body());
    sent++;
  }
  await until(sent);
  return { emits: sent * burst, seconds: (performance.now() - start) / 1_000 };
}

/** Emits so many a second until it shall rest; resolves once it begins. */
function emitSteadily(room: string, perSecond: number, bodyBytes: number): void {
  const body = bodies(bodyBytes);
  const timer = setInterval(() => void emit(room, body()), 1_000 / perSecond);
  resting = () => clearInterval(timer);
}

function mappedBytes(): number {
  const [, kib] = /RssFile:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) * 1_024;
}

function usage(): ServerUsage {
  const { user, system } = process.cpuUsage();
  const rssBytes = process.memoryUsage.rss();
  const result = { cpuUs: user + system, rssBytes, rssBytesMax: Math.max(rssBytes, rssBytesMax), mappedBytes: mappedBytes() };
  rssBytesMax = 0;

  return result;
}

async function stop(): Promise<void> {
  await holdfast?.close();
  io.disconnectSockets(true);
  await io.close();
  setImmediate(() => process.disconnect());
}

answerParent(async (question: ServerQuestion): Promise<unknown> => {
  switch (question.ask) {
    case "listen":
      return listen(question.mode, question.directory);
    case "add":
      return add(question.room, question.first, question.count);
    case "fill":
      return fill(question.room, question.messages, question.bodyBytes);
    case "bursts":
      return bursts(question);
    case "emit":
      return emitSteadily(question.room, question.perSecond, question.bodyBytes);
    case "rest":
      return resting?.();
    case "acknowledged":
      return (await holdfast?.room(question.room).receipts(newestId))?.counts.delivered;
    case "usage":
      return usage();
    case "stop":
      return stop();
    default:
      return question satisfies never;
  }
});
