import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDirectory, removeDirectory } from "./directory.js";
import type { Flood } from "./flood.js";
import { runLoad, ServerProcess } from "./processes.js";
import { describeMachine, median, progress, quantile, table } from "./report.js";

export interface FloodsBench {
  readonly rounds: number;
  readonly messages: number;
  readonly directory: string;
}

const FLOODS: readonly Flood[] = ["slow requests", "connections", "bad requests", "large packets"];
/** So much longer the slowest of a hundred messages may take. */
const TARGET = 2;
/** Of one that is not in a hurry: what is measured is how long it waits, and not how much fits through. */
const WINDOW = 4;

/** How long messages of one client take while another one floods the server, against a server with nobody else. */
export async function benchFloods({ rounds, messages, directory }: FloodsBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const kinds: readonly (Flood | undefined)[] = [undefined, ...FLOODS];
    const p99Ms = new Map<Flood | undefined, number[]>(kinds.map((kind) => [kind, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const kind of kinds) {
        const ms = await p99Of(kind, messages, join(path, `${kind ?? "quiet"}-${round}`));
        p99Ms.get(kind)?.push(ms);
        progress(`round ${round} of ${rounds}: ${kind ?? "nobody else"} ${ms.toFixed(2)} ms`);
      }
    }
    const quiet = median(p99Ms.get(undefined) ?? []);
    console.log(describeMachine(fileSystem));
    console.log(`load      ${messages} durable publish -> handler -> ack a round, ${WINDOW} at a time, medians of ${rounds} rounds\n`);
    const rows = kinds.map((kind) => {
      const ms = median(p99Ms.get(kind) ?? []);
      const ratio = ms / quiet;
      return [kind ?? "nobody else", ms.toFixed(2), `${ratio.toFixed(2)}x`, ratio <= TARGET ? "met" : "NOT met"];
    });
    console.log(table([["beside", "p99 ms", "of the first", `${TARGET.toFixed(2)}x or less`], ...rows]));
  } finally {
    removeDirectory(path);
  }
}

async function p99Of(kind: Flood | undefined, messages: number, directory: string): Promise<number> {
  const server = await ServerProcess.start("hardened", directory);
  const flood = kind === undefined ? undefined : fork(fileURLToPath(new URL("./flood.js", import.meta.url)), [kind, String(server.port)]);
  const { latenciesMs } = await runLoad({ kind: "round-trip", port: server.port, messages, window: WINDOW, bodyBytes: 256, warmUp: 5_000 });
  if (flood !== undefined) {
    const exit = once(flood, "exit");
    flood.kill();
    await exit;
  }
  await server.stop();
  return quantile(latenciesMs, 0.99);
}
