import { connect, type Holdfast } from "holdfast-client";
import { io, type Socket } from "socket.io-client";
import { answerParent } from "./child.js";
import {
  BEGIN_EVENT,
  type Body,
  EVENT,
  type Latency,
  type MembersQuestion,
  nowUs,
  PROGRESS_EVENT,
  type Return,
  userOf,
} from "./protocol.js";

/** Members of a room, many in one process: each has a connection of its own, and a handler. */

/** Of so many messages the latency of one is kept: no multiple of members, or of a burst, so that all have their turn. */
const SAMPLE_EVERY = 7;

const clients: Holdfast[] = [];
const sockets: Socket[] = [];
let members = 0;
let received = 0;
let latencies: Latency[] = [];
/** Calls `whenReached` at so many messages. */
let goal = Number.POSITIVE_INFINITY;
let whenReached: () => void = () => undefined;

function receive({ at }: Body): void {
  if (received % SAMPLE_EVERY === 0) latencies.push([at, (nowUs() - at) / 1_000]);
  if (++received >= goal) whenReached();
}

/** How far this process is, told to the server: the same by whatever way the messages come. */
async function watch(port: number): Promise<void> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, auth: { watches: true } });
  sockets.push(socket);
  socket.on(BEGIN_EVENT, (burst: number, done: () => void) => {
    received = 0;
    latencies = [];
    const step = burst * members;
    goal = step;
    whenReached = () => {
      const bursts = Math.floor(received / step);
      goal = (bursts + 1) * step;
      socket.emit(PROGRESS_EVENT, bursts);
    };
    done();
  });
  await connected(socket);
}

const connected = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once("connect", resolve));

async function durable(port: number, room: string, user: string): Promise<void> {
  const client = connect(`http://127.0.0.1:${port}`, { forceNew: true, auth: { user } });
  clients.push(client);
  const kitchen = client.room(room);
  await kitchen.on<[Body]>(EVENT, receive);
  await kitchen.join();
}

async function byEvents(port: number, room: string, user: string, joins: boolean): Promise<void> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, auth: { user, room } });
  sockets.push(socket);
  socket.on(EVENT, (body: Body, acknowledge?: () => void) => {
    receive(body);
    acknowledge?.();
  });
  await connected(socket);
  if (joins) await socket.emitWithAck("holdfast:join", { room });
}

async function enter({ mode, port, room, first, count, watch: watches }: Extract<MembersQuestion, { ask: "connect" }>): Promise<void> {
  members += count;
  const users = Array.from({ length: count }, (_, index) => userOf(first + index));
  await Promise.all(users.map((user) => (mode === "frames" ? durable(port, room, user) : byEvents(port, room, user, mode === "events"))));
  if (watches) await watch(port);
}

async function catchUp({ port, room, first, count, messages }: Extract<MembersQuestion, { ask: "catch-up" }>): Promise<Return> {
  received = 0;
  goal = count * messages;
  const done = new Promise<void>((resolve) => {
    whenReached = resolve;
  });
  let waiting = count;
  let here = 0;
  for (let index = 0; index < count; index++) {
    const client = connect(`http://127.0.0.1:${port}`, { forceNew: true, auth: { user: userOf(first + index) } });
    clients.push(client);
    let isHere = false;
    void client.room(room).on(EVENT, () => {
      if (!isHere) {
        isHere = true;
        if (--waiting === 0) here = nowUs();
      }
      if (++received >= goal) whenReached();
    });
  }
  await done;
  return { here, done: nowUs() };
}

async function stop(): Promise<void> {
  await Promise.all(clients.map((client) => client.close({ timeoutMs: 2_000 })));
  for (const socket of sockets) socket.disconnect();
  setImmediate(() => process.disconnect());
}

answerParent(async (question: MembersQuestion): Promise<unknown> => {
  switch (question.ask) {
    case "connect":
      return enter(question);
    case "catch-up":
      return catchUp(question);
    case "latencies": {
      const taken = latencies;
      latencies = [];
      return taken;
    }
    case "stop":
      return stop();
    default:
      return question satisfies never;
  }
});
