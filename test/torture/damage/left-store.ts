import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../pause.js";
import type { CrashedFile } from "../power/recorded-disk.js";
import { queueOf } from "../queues.js";
import { Round } from "../round.js";

/** Of each of two lives: one that is killed, and one whose last records are in the journal alone. */
const LOAD_MS = 1_000;
/** They hold nothing. */
const IGNORED = /^(LOCK|LOG|LOG\.old|reserve)$/;

/** How the last life of a store ended. */
export type End = "stopped" | "killed";

/** The files that a server left, with a backlog, delayed messages, dead letters and blocks that are settled in part. */
export async function leftStore(directory: string, seed: number, end: End): Promise<CrashedFile[]> {
  const queues = [queueOf("orders", { maxAttempts: 2 }), queueOf("bills", { ordering: "key", maxAttempts: 2 })];
  const round = await Round.begin({ directory, seed, queues });
  try {
    const publisher = {
      window: 6,
      batchMax: 8,
      pauseMs: 4,
      times: 1,
      keys: 20,
      bodyBytesMax: 2_000,
      delayOneIn: 10,
      delayMsMax: 3_600_000,
    };
    const consumer = { maxInFlight: 20, verbs: { ack: 6, nack: 2, reject: 1, none: 2 }, workMsMax: 20 };
    await round.client({ name: "ann", publisher: { queue: "orders", ...publisher }, consumer: { queue: "bills", ...consumer } });
    await round.client({ name: "bob", publisher: { queue: "bills", ...publisher }, consumer: { queue: "orders", ...consumer } });
    await pause(LOAD_MS);
    await round.kill();
    await round.start();
    await pause(LOAD_MS);
    if (end === "killed") await round.kill();
    await Promise.all(round.clients.map((client) => client.kill()));
    if (end === "stopped") await round.stopServer();
    const names = readdirSync(round.data).filter((name) => !IGNORED.test(name));
    return names.map((name) => ({ name, identity: name, bytes: readFileSync(join(round.data, name)) }));
  } finally {
    await round.dispose();
  }
}
