import { join } from "node:path";
import { SmallDisk, whyNoMount } from "../../crash/small-disk.js";
import type { Counts } from "../../simulation/history.js";
import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import type { Round } from "../round.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const CYCLES = 20;
const CYCLES_PER_ROUND = 5;
const RECOVERY_MS_MAX = 5_000;
const WAIT_MS = 30_000;
const PROBE = "probe";

/** What a server says of a publish now: `stored`, or why not. */
async function probe(round: Round): Promise<string> {
  try {
    await round.admin.ask("holdfast:publish", { queue: PROBE, body: "x".repeat(2_000) });
    return "stored";
  } catch (error) {
    return /"code":"(\w+)"/.exec(String(error))?.[1] ?? String(error);
  }
}

/** Waits until a publish ends like that; gives the milliseconds that took. */
async function until(round: Round, wanted: string): Promise<number> {
  const start = performance.now();
  for (let got = await probe(round); got !== wanted; got = await probe(round)) {
    if (performance.now() > start + WAIT_MS) throw new Error(`a publish is ${got}, and not ${wanted} within ${WAIT_MS} ms`);
    await pause(10);
  }
  return Math.round(performance.now() - start);
}

/** Counts of the queue; while the engine opens its store again there are none. */
async function counts(round: Round): Promise<Counts> {
  for (const start = performance.now(); ; await pause(20)) {
    try {
      return await round.admin.counts("orders");
    } catch (error) {
      if (!String(error).includes('"code":"ENGINE_UNAVAILABLE"') || performance.now() > start + WAIT_MS) throw error;
    }
  }
}

/** The disk fills up to the last byte, what is stored is consumed all the same, and there is room again. */
async function cycle(round: Round, disk: SmallDisk): Promise<number> {
  disk.fill();
  await until(round, "DISK_FULL");
  const { acked, ready } = await counts(round);
  const start = performance.now();
  while (ready > 0 && (await counts(round)).acked === acked) {
    if (performance.now() > start + WAIT_MS) throw new Error(`nothing was acknowledged within ${WAIT_MS} ms on a full disk`);
    await pause(20);
  }
  disk.empty();
  return until(round, "stored");
}

export const diskFull: Row = {
  number: 6,
  title: "Full disk",
  method: "Somebody else fills a small file system to the last byte while clients publish and consume, and gives it back.",
  target: "20 cycles: clear error, consumers drain, 0 lost, recovers <= 5 s after space returns, 0 exits",
  fullMinutes: 4,
  missing: whyNoMount,
  async run(context) {
    const cycles = scaled(CYCLES, context.scale);
    const rounds = new Rounds(context);
    let [done, slowestMs] = [0, 0];
    while (done < cycles && !rounds.failed) {
      const disk = new SmallDisk();
      const refused = disk.mount();
      if (refused !== undefined) throw new Error(refused);
      try {
        await rounds.run({ queues: [queueOf("orders")], data: join(disk.path, "data") }, async (round) => {
          const publisher = { queue: "orders", window: 8, batchMax: 5, pauseMs: 4, times: 1, keys: 0, bodyBytesMax: 2_000 };
          await round.client({ name: "ann", publisher });
          await round.client({ name: "bob", consumer: { queue: "orders", maxInFlight: 20, verbs: { ack: 1 }, workMsMax: 40 } });
          const { pid } = round;
          for (let cycled = 0; cycled < CYCLES_PER_ROUND && done < cycles; cycled++) {
            await pause(500);
            slowestMs = Math.max(slowestMs, await cycle(round, disk));
            context.progress(`${++done} of ${cycles} cycles`);
          }
          if (pid === undefined || !process.kill(pid, 0)) rounds.failures.push("the server ended");
        });
      } finally {
        disk.close();
      }
    }
    if (slowestMs > RECOVERY_MS_MAX) rounds.late.push(`publishes were refused for ${slowestMs} ms after space had returned`);
    rounds.expectAtLeast({ published: 20 * done, acked: 10 * done });
    const { published, acked } = rounds.counts;
    return rounds.result(
      `${done} cycles, stored again after ${slowestMs} ms at most, ${published} published, ${acked} acknowledged`,
      done >= CYCLES,
    );
  },
};
