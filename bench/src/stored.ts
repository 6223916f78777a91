import { join } from "node:path";
import { COMPARE_HEADING, type Contender, compare, compareRows, medianRate } from "./compare.js";
import { directoryBytes, makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import type { QueueBench } from "./queue.js";
import { describeMachine, progress, ratioLine, table } from "./report.js";

export interface StoredBench extends QueueBench {
  readonly stored: number;
}

const TARGET = 0.9;
const MIB = 2 ** 20;
const FILL = { arrayMessages: 1_000, turns: 8 };

/**
 * Publish -> handler -> ack while the store holds many messages, against an empty store: through another queue than
 * theirs, and through their own, where each message goes to the end of the backlog and the oldest is consumed.
 */
export async function benchStored({ rounds, directory, stored, ...load }: StoredBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const full = join(path, "full");
    const server = await ServerProcess.start("holdfast", full);
    progress(`storing ${stored} messages of ${load.bodyBytes} B`);
    const filled = await runLoad({
      kind: "fill",
      port: server.port,
      queue: "backlog",
      messages: stored,
      ...FILL,
      bodyBytes: load.bodyBytes,
    });
    await server.stop();
    const bytes = directoryBytes(full);
    progress(`stored ${stored} messages in ${filled.seconds.toFixed(0)} s, ${(bytes / MIB).toFixed(0)} MiB`);

    const contenders: Contender[] = [
      { name: "empty store", load: (port) => ({ kind: "through", port, queue: "bench", ...load }) },
      { name: "another queue holds them", directory: full, load: (port) => ({ kind: "through", port, queue: "bench", ...load }) },
      { name: "the same queue holds them", directory: full, load: (port) => ({ kind: "through", port, queue: "backlog", ...load }) },
    ];
    const results = await compare(contenders, rounds, path);
    const [empty = [], other = [], same = []] = results;
    console.log(describeMachine(fileSystem));
    console.log(`stored    ${stored} messages of ${load.bodyBytes} B, ${(bytes / MIB).toFixed(0)} MiB`);
    console.log(
      `load      ${load.messages} messages a round published and as many consumed, at most ${load.window} unconfirmed, medians of ${rounds} rounds\n`,
    );
    console.log(table([COMPARE_HEADING, ...compareRows(contenders, results)]));
    console.log(`\nanother   ${ratioLine(medianRate(other) / medianRate(empty), TARGET)}`);
    console.log(`the same  ${ratioLine(medianRate(same) / medianRate(empty), TARGET)}`);
  } finally {
    removeDirectory(path);
  }
}
