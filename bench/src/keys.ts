import { makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import { type Usage, WARM_UP_MESSAGES } from "./protocol.js";
import { describeMachine, progress, table } from "./report.js";

export interface KeysBench {
  readonly messages: number;
  readonly steps: number;
  readonly window: number;
  readonly bodyBytes: number;
  readonly directory: string;
}

const MIB = 2 ** 20;
/** Of the heap, for each key that was seen and is done: a key that is remembered takes far more. */
const TARGET_BYTES_PER_KEY = 1;

/** Messages with keys that never come again, through a queue ordered by key: what the server's memory keeps of them. */
export async function benchKeys({ messages, steps, window, bodyBytes, directory }: KeysBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const server = await ServerProcess.start("holdfast", path, { collect: true });
    const perStep = Math.ceil(messages / steps);
    const keysPerStep = perStep + Math.min(perStep, WARM_UP_MESSAGES);
    const usages: Usage[] = [await server.usage()];
    for (let step = 1; step <= steps; step++) {
      const order = { ordering: "key", keys: 0, distribution: "distinct", consumers: 1 } as const;
      await runLoad({ kind: "round-trip", port: server.port, messages: perStep, window, bodyBytes, order });
      const usage = await server.usage();
      usages.push(usage);
      progress(
        `${step * keysPerStep} keys seen: heap ${(usage.heapBytes / MIB).toFixed(1)} MiB, RSS ${(usage.rssBytes / MIB).toFixed(0)} MiB`,
      );
    }
    await server.stop();
    // The first step fills what every server fills once: code, caches, buffers.
    const grown = (usages.at(-1)?.heapBytes ?? 0) - (usages[1]?.heapBytes ?? 0);
    const perKey = grown / Math.max(1, (steps - 1) * keysPerStep);
    console.log(describeMachine(fileSystem));
    console.log(`load      messages of ${bodyBytes} B, each with a key of its own, at most ${window} unconfirmed\n`);
    console.log(
      table([
        ["keys seen", "heap after collection", "RSS"],
        ...usages.map(({ heapBytes, rssBytes }, step) => [
          (step * keysPerStep).toString(),
          `${(heapBytes / MIB).toFixed(1)} MiB`,
          `${(rssBytes / MIB).toFixed(0)} MiB`,
        ]),
      ]),
    );
    const verdict = perKey < TARGET_BYTES_PER_KEY ? "met" : "NOT met";
    console.log(`\nheap      ${perKey.toFixed(3)} B per key after the first step, target below ${TARGET_BYTES_PER_KEY} B: ${verdict}`);
  } finally {
    removeDirectory(path);
  }
}
