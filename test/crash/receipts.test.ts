import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { describe, expect, it } from "vitest";
import { freePort, ServerProcess } from "./server-process.js";
import { STRACE, whyNoStrace } from "./strace.js";
import { callsOf } from "./strace-log.js";
import { SyncOrder } from "./sync-order.js";

const SOCKETS = 4;
const SINGLES = 10_000;
const ARRAYS = 1_500;
const ARRAY = 10;
const TOTAL = SOCKETS * (SINGLES + ARRAYS * ARRAY);
/** Publishes a socket has open. */
const WINDOW = 20;
const ID = /receipt-\d-\d{6}/g;

const TRACED = ["-y", "-s", "16777216", "-e", "trace=write,pwrite64,writev,sendmsg,sendto,fdatasync,fsync", "-e", "signal=none"];

interface Reply {
  readonly ok: boolean;
  readonly receipts: readonly { readonly id: string; readonly duplicate: boolean }[];
}

/** Publishes one message after the other, then arrays, with `WINDOW` publishes open; adds the ids of the receipts. */
async function publishAll(socket: Socket, number: number, received: Set<string>): Promise<void> {
  let next = 0;
  const message = (): { id: string; body: number } => ({ id: `receipt-${number}-${String(next).padStart(6, "0")}`, body: next++ });
  const publishes = Array.from({ length: SINGLES + ARRAYS }, (_, index) => index < SINGLES);
  const work = publishes.values();
  const lane = async (): Promise<void> => {
    for (const single of work) {
      const what = single ? message() : { messages: Array.from({ length: ARRAY }, message) };
      const reply = (await socket.timeout(60_000).emitWithAck("holdfast:publish", { queue: "orders", ...what })) as Reply;
      expect(reply).toMatchObject({ ok: true });
      for (const { id, duplicate } of reply.receipts) if (!duplicate) received.add(id);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
}

/** Runs a server under `strace` and has it send receipts to several sockets at once; gives the ids they got. */
async function traceReceipts(directory: string, log: string): Promise<Set<string>> {
  const server = new ServerProcess(join(directory, "data"), await freePort(), [...STRACE, ...TRACED, "-o", log]);
  const received = new Set<string>();
  const sockets = Array.from({ length: SOCKETS }, () => io(server.url, { transports: ["websocket"], forceNew: true, autoConnect: false }));
  try {
    await server.start();
    for (const socket of sockets) socket.connect();
    await Promise.all(sockets.map((socket, number) => publishAll(socket, number, received)));
  } finally {
    for (const socket of sockets) socket.disconnect();
    await server.stop();
  }
  return received;
}

/** Waits until `strace`, which outlives the server for a moment, has written everything. */
async function written(log: string): Promise<void> {
  for (let before = -1, now = 0; before !== now; ) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
    now = (await stat(log)).size;
  }
}

describe("receipts", () => {
  const missing = whyNoStrace();
  if (missing !== undefined) process.stdout.write(`the order of system calls is not checked: ${missing}\n`);

  it.skipIf(missing !== undefined)(
    `P1: ${TOTAL} receipts are sent only after the sync of the log that holds their messages`,
    async () => {
      const directory = await mkdtemp(join(tmpdir(), "holdfast-receipts-"));
      try {
        const log = join(directory, "strace");
        const received = await traceReceipts(directory, log);
        expect(received.size).toBe(TOTAL);
        await written(log);
        const order = new SyncOrder();
        for await (const call of callsOf(log)) order.add(call);
        const { matched, early, unstored, syncs } = order.verdict(ID);
        process.stdout.write(`${matched} receipts of ${SOCKETS} sockets matched to ${syncs} syncs; sent early: ${early.length}\n`);
        expect({ early: early.slice(0, 5), unstored: unstored.slice(0, 5) }).toEqual({ early: [], unstored: [] });
        expect(matched).toBe(TOTAL);
        expect(syncs).toBeGreaterThan(SINGLES / WINDOW);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
    180_000,
  );
});
