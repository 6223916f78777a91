import { stat } from "node:fs/promises";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { temporaryDirectory } from "../leftovers.js";
import { freePort, ServerProcess } from "./server-process.js";
import { STRACE } from "./strace.js";
import { callsOf } from "./strace-log.js";
import { SyncOrder, type Verdict } from "./sync-order.js";

const SOCKETS = 4;
const ARRAY = 10;
/** Publishes a socket has open. */
const WINDOW = 20;
const ID = /receipt-\d-\d{6}/g;
const TRACED = ["-y", "-s", "16777216", "-e", "trace=write,pwrite64,writev,sendmsg,sendto,fdatasync,fsync", "-e", "signal=none"];

/** What each of the sockets publishes. */
export interface Load {
  /** One message at a time. */
  readonly singles: number;
  /** Then arrays of ten. */
  readonly arrays: number;
}

/** Messages of a load, over all sockets. */
export const messagesOf = ({ singles, arrays }: Load): number => SOCKETS * (singles + arrays * ARRAY);

interface Reply {
  readonly ok: boolean;
  readonly receipts: readonly { readonly id: string; readonly duplicate: boolean }[];
}

/** Publishes one message after the other, then arrays, with `WINDOW` publishes open; adds the ids of the receipts. */
async function publishAll(socket: Socket, number: number, { singles, arrays }: Load, received: Set<string>): Promise<void> {
  let next = 0;
  const message = (): { id: string; body: number } => ({ id: `receipt-${number}-${String(next).padStart(6, "0")}`, body: next++ });
  const publishes = Array.from({ length: singles + arrays }, (_, index) => index < singles);
  const work = publishes.values();
  const lane = async (): Promise<void> => {
    for (const single of work) {
      const what = single ? message() : { messages: Array.from({ length: ARRAY }, message) };
      const reply = (await socket.timeout(60_000).emitWithAck("holdfast:publish", { queue: "orders", ...what })) as Reply;
      if (!reply.ok) throw new Error(`a publish was refused: ${JSON.stringify(reply)}`);
      for (const { id, duplicate } of reply.receipts) if (!duplicate) received.add(id);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
}

/** Runs a server under `strace` and has it send receipts to several sockets at once; gives the ids they got. */
async function traceReceipts(directory: string, log: string, load: Load): Promise<Set<string>> {
  const server = new ServerProcess(join(directory, "data"), await freePort(), [...STRACE, ...TRACED, "-o", log]);
  const received = new Set<string>();
  const sockets = Array.from({ length: SOCKETS }, () => io(server.url, { transports: ["websocket"], forceNew: true, autoConnect: false }));
  try {
    await server.start();
    for (const socket of sockets) socket.connect();
    await Promise.all(sockets.map((socket, number) => publishAll(socket, number, load, received)));
  } finally {
    for (const socket of sockets) socket.disconnect();
    await server.stop();
  }
  return received;
}

/** Waits until `strace`, which outlives the server for a moment, has written everything. */
export async function written(log: string): Promise<void> {
  for (let before = -1, now = 0; before !== now; ) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
    now = (await stat(log)).size;
  }
}

/** Publishes under `strace`, and tells which receipts were sent only after the sync of the log that holds their messages. */
export async function judgeReceipts(load: Load): Promise<Verdict & { readonly received: number }> {
  const { path: directory, remove } = temporaryDirectory("holdfast-receipts-");
  try {
    const log = join(directory, "strace");
    const received = await traceReceipts(directory, log, load);
    await written(log);
    const order = new SyncOrder();
    for await (const call of callsOf(log)) order.add(call);
    return { ...order.verdict(ID), received: received.size };
  } finally {
    remove();
  }
}
