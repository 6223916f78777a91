import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect, type Socket as TcpSocket } from "node:net";
import { io, type Socket } from "socket.io-client";
import { whyNot } from "../../crash/why-not.js";
import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import type { Round } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const CYCLES = 20;
const CYCLES_PER_ROUND = 4;
const RECOVERY_MS_MAX = 5_000;
/** So many the server has besides those that it has open. */
const DESCRIPTORS_FREE = 20;
const CONNECTIONS = 200;
const HELD_MS = 1_000;
const HEAP_MIB = 64;
const FLOODERS = 30;
const FLOOD_WINDOW = 8;
const FLOOD_BYTES = 250_000;
const FLOOD_MS = 1_500;
const WAIT_MS = 30_000;

/** Why nobody can be kept from opening more files here; undefined when that can be. */
function whyNoLimit(): string | undefined {
  const why = whyNot("it", spawnSync("prlimit", ["--version"], { encoding: "utf8" }));
  return why && `prlimit does not run: ${why}`;
}

/** Somebody opens more connections than the server has descriptors for, and closes them after a while; gives how many it ended before. */
async function takeDescriptors(round: Round): Promise<number> {
  const { pid } = round;
  const descriptors = readdirSync(`/proc/${pid}/fd`).length + DESCRIPTORS_FREE;
  const why = whyNot("it", spawnSync("prlimit", ["--pid", String(pid), `--nofile=${descriptors}:`], { encoding: "utf8" }));
  if (why !== undefined) throw new Error(`prlimit: ${why}`);
  const { port, hostname } = new URL(round.url);
  let ended = 0;
  const wires = Array.from({ length: CONNECTIONS }, (): TcpSocket => {
    const wire = connect(Number(port), hostname);
    wire.on("error", () => undefined);
    wire.on("close", () => ended++);
    wire.on("connect", () => wire.write("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"));
    return wire;
  });
  await pause(HELD_MS);
  const shed = ended;
  for (const wire of wires) wire.destroy();
  return shed;
}

/** Many publish bodies as large as may be, as fast as they can, to a queue that nobody consumes; it is emptied afterwards. */
async function takeMemory(round: Round): Promise<Map<string, number>> {
  const told = new Map<string, number>();
  const body = "x".repeat(FLOOD_BYTES);
  const until = performance.now() + FLOOD_MS;
  const flood = async (socket: Socket): Promise<void> => {
    while (performance.now() < until) {
      const reply: unknown = await socket
        .timeout(WAIT_MS)
        .emitWithAck("holdfast:publish", { queue: "flood", body })
        .catch(() => ({ ok: false, error: { code: "none" } }));
      const { ok, error } = reply as { readonly ok: boolean; readonly error?: { readonly code: string } };
      const fate = ok ? "stored" : (error?.code ?? "none");
      told.set(fate, (told.get(fate) ?? 0) + 1);
    }
  };
  const sockets = Array.from({ length: FLOODERS }, (_, number) =>
    io(round.url, { transports: ["websocket"], forceNew: true, auth: { user: `flood-${number}` } }),
  );
  await Promise.all(sockets.flatMap((socket) => Array.from({ length: FLOOD_WINDOW }, () => flood(socket))));
  for (const socket of sockets) socket.disconnect();
  return told;
}

/** Somebody new connects, and has a message stored; gives the milliseconds that took. */
async function recovery(round: Round): Promise<number> {
  const start = performance.now();
  const socket = io(round.url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100 });
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`nobody new is let in within ${WAIT_MS} ms`)), WAIT_MS);
      socket.once("connect", () => {
        clearTimeout(late);
        resolve();
      });
    });
    for (;;) {
      const reply: unknown = await socket.timeout(WAIT_MS).emitWithAck("holdfast:publish", { queue: "probe", body: "x" });
      if ((reply as { readonly ok: boolean }).ok) return Math.round(performance.now() - start);
      if (performance.now() > start + WAIT_MS) throw new Error(`nothing is stored: ${JSON.stringify(reply)}`);
      await pause(20);
    }
  } finally {
    socket.disconnect();
  }
}

export const exhaustion: Row = {
  number: 24,
  title: "No descriptors, no memory",
  method: `In turn: a server that may open ${DESCRIPTORS_FREE} more files gets ${CONNECTIONS} connections, and one with a heap of ${HEAP_MIB} MiB gets ${(FLOODERS * FLOOD_WINDOW * FLOOD_BYTES) / 1e6} MB of publishes at a time, while clients publish and consume.`,
  target: "20 cycles: sheds with an error, 0 lost, 0 exits, serves newcomers <= 5 s afterwards",
  fullMinutes: 4,
  missing: whyNoLimit,
  async run(context) {
    const cycles = Math.max(2, scaled(CYCLES, context.scale));
    // Also the smallest run has both ways.
    const perRound = Math.min(CYCLES_PER_ROUND, Math.ceil(cycles / 2));
    const rounds = new Rounds(context);
    const told = new Map<string, number>();
    const ways = [
      { what: "descriptors", wrapper: [] },
      { what: "memory", wrapper: ["env", `NODE_OPTIONS=--max-old-space-size=${HEAP_MIB}`] },
    ] as const;
    let [done, slowestMs, wiresEnded] = [0, 0, 0];
    for (let number = 0; done < cycles && !rounds.failed; number++) {
      const { what, wrapper } = ways[number % 2] ?? ways[0];
      const queues = [queueOf("orders", { leaseMs: 5_000 })];
      await rounds.run({ queues, wrapper }, async (round) => {
        const publisher = { queue: "orders", window: 4, batchMax: 5, pauseMs: 5, times: 1, keys: 0, bodyBytesMax: 500 };
        await round.client({ name: "ann", publisher });
        await round.client({ name: "bob", consumer: { queue: "orders", maxInFlight: 50, verbs: { ack: 1 }, workMsMax: 5 } });
        for (let cycle = 0; cycle < perRound && done < cycles; cycle++) {
          await pause(300);
          if (what === "descriptors") wiresEnded += await takeDescriptors(round);
          else for (const [fate, count] of await takeMemory(round)) told.set(fate, (told.get(fate) ?? 0) + count);
          if (!round.running) throw new Error(`the server ended for want of ${what}: ${round.said}`);
          slowestMs = Math.max(slowestMs, await recovery(round));
          await round.admin.ask("holdfast:purge", { queue: "flood" }).catch(() => undefined);
          context.progress(`${++done} of ${cycles} cycles`);
        }
      });
    }
    if (slowestMs > RECOVERY_MS_MAX) rounds.late.push(`somebody new was served only after ${slowestMs} ms`);
    rounds.expectAtLeast({ published: 20 * done, acked: 10 * done });
    const shed = [...told].reduce((sum, [fate, count]) => (fate === "stored" || fate === "none" ? sum : sum + count), 0);
    if (wiresEnded === 0) rounds.failures.push("vacuous: none of the connections too many was ended");
    if (shed === 0) rounds.failures.push("vacuous: nothing of the flood was refused with an error");
    const { published, acked } = rounds.counts;
    const fates = [...told].map(([fate, count]) => `${count} ${fate}`).join(", ");
    const figure = `${done} cycles, newcomers served after ${slowestMs} ms at most, ${published} published, ${acked} acknowledged; ${wiresEnded} connections too many ended, of the flood ${fates}`;
    return rounds.result(figure, done >= CYCLES);
  },
};
