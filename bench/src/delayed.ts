import { join } from "node:path";
import { medianRate, rateOf } from "./compare.js";
import { makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import type { LoadResult } from "./protocol.js";
import { describeMachine, progress, ratioLine, table } from "./report.js";

export interface DelayedBench {
  readonly rounds: number;
  readonly messages: number;
  readonly dueMs: number;
  readonly window: number;
  readonly bodyBytes: number;
  readonly directory: string;
}

const TARGET = 0.7;
const FILL = { arrayMessages: 1_000, turns: 8 };

/** Messages that all become due at once against as many that are ready: both stored before a consumer comes. */
export async function benchDelayed(options: DelayedBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const ready: LoadResult[] = [];
    const delayed: LoadResult[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      ready.push(await drainStored(options, join(path, `ready-${round}`), undefined));
      delayed.push(await drainStored(options, join(path, `delayed-${round}`), Date.now() + options.dueMs));
      const rates = [ready, delayed].map((results) => Math.round(rateOf(results.at(-1) as LoadResult)));
      progress(`round ${round} of ${options.rounds}: ready ${rates[0]}/s, delayed ${rates[1]}/s`);
    }
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${options.messages} messages of ${options.bodyBytes} B stored, then drained by one consumer, at most ${options.window} in flight, medians of ${options.rounds} rounds\n`,
    );
    console.log(
      table([
        ["", "messages/s"],
        ["ready", Math.round(medianRate(ready)).toString()],
        ["due at once", Math.round(medianRate(delayed)).toString()],
      ]),
    );
    console.log(`\n${ratioLine(medianRate(delayed) / medianRate(ready), TARGET)}`);
  } finally {
    removeDirectory(path);
  }
}

async function drainStored(
  { messages, dueMs, window, bodyBytes }: DelayedBench,
  directory: string,
  dueAt: number | undefined,
): Promise<LoadResult> {
  const server = await ServerProcess.start("holdfast", directory);
  await runLoad({ kind: "fill", port: server.port, queue: "bench", messages, ...FILL, bodyBytes, dueAt });
  if (dueAt !== undefined) {
    const left = dueAt - Date.now();
    if (left < 0) throw new Error(`storing took ${-left} ms longer than ${dueMs} ms: some were due before, choose more with --due-ms`);
    progress(`stored, due in ${Math.ceil(left / 1_000)} s`);
    await new Promise((resolve) => setTimeout(resolve, left));
  }
  const result = await runLoad({ kind: "drain", port: server.port, messages, window });
  await server.stop();
  return result;
}
