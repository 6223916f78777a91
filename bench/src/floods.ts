import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDirectory, removeDirectory } from "./directory.js";
import type { Flood } from "./flood.js";
import { runLoad, ServerProcess } from "./processes.js";
import { describeMachine, median, progress, quantile, table } from "./report.js";
import { newSecret, tokenOf } from "./token.js";

export interface FloodsBench {
  readonly rounds: number;
  readonly messages: number;
  readonly directory: string;
}

interface Row {
  readonly name: string;
  readonly flood?: Flood;
  /** Of another server than the one that is measured: what of it is the machine's, and no server could prevent. */
  readonly isElsewhere?: true;
}

const QUIET: Row = { name: "nobody else" };
const ROWS: readonly Row[] = [
  QUIET,
  { name: "slow requests", flood: "slow requests" },
  { name: "connections", flood: "connections" },
  { name: "wrong tokens", flood: "wrong tokens" },
  { name: "bad requests", flood: "bad requests" },
  { name: "packets too large", flood: "packets too large" },
  { name: "large packets", flood: "large packets" },
  { name: "large packets to another server", flood: "large packets", isElsewhere: true },
];
/** So much longer the slowest of a hundred messages may take. */
const TARGET = 2;
/** Of one that is not in a hurry: what is measured is how long it waits, and not how much fits through. */
const WINDOW = 4;

/** How long messages of one client take while another one floods the server, against a server with nobody else. */
export async function benchFloods({ rounds, messages, directory }: FloodsBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const p99Ms = new Map<Row, number[]>(ROWS.map((row) => [row, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const [index, row] of ROWS.entries()) {
        const ms = await p99Of(row, messages, join(path, `${index}-${round}`));
        p99Ms.get(row)?.push(ms);
        progress(`round ${round} of ${rounds}: ${row.name} ${ms.toFixed(2)} ms`);
      }
    }
    const quiet = median(p99Ms.get(QUIET) ?? []);
    console.log(describeMachine(fileSystem));
    console.log(`load      ${messages} durable publish -> handler -> ack a round, ${WINDOW} at a time, medians of ${rounds} rounds\n`);
    const rows = ROWS.map(({ name, isElsewhere }, index) => {
      const ms = median([...p99Ms.values()][index] ?? []);
      const ratio = ms / quiet;
      return [name, ms.toFixed(2), `${ratio.toFixed(2)}x`, isElsewhere === true ? "-" : ratio <= TARGET ? "met" : "NOT met"];
    });
    console.log(table([["beside", "p99 ms", "of the first", `${TARGET.toFixed(2)}x or less`], ...rows]));
  } finally {
    removeDirectory(path);
  }
}

async function p99Of({ flood, isElsewhere }: Row, messages: number, directory: string): Promise<number> {
  const secret = newSecret();
  const token = tokenOf(secret);
  const server = await ServerProcess.start("hardened", directory, { secret });
  const other = isElsewhere === true ? await ServerProcess.start("hardened", `${directory}-other`, { secret }) : undefined;
  const port = String((other ?? server).port);
  const enemy = flood === undefined ? undefined : fork(fileURLToPath(new URL("./flood.js", import.meta.url)), [flood, port, token]);
  const load = { kind: "round-trip", port: server.port, messages, window: WINDOW, bodyBytes: 256, warmUp: 5_000, token } as const;
  const { latenciesMs } = await runLoad(load);
  if (enemy !== undefined) {
    const exit = once(enemy, "exit");
    enemy.kill();
    await exit;
  }
  await Promise.all([server.stop(), other?.stop()]);
  return quantile(latenciesMs, 0.99);
}
