import { COMPARE_HEADING, type Contender, compare, compareRows, medianRate } from "./compare.js";
import { makeDirectory, removeDirectory } from "./directory.js";
import type { QueueBench } from "./queue.js";
import { describeMachine, ratioLine, table } from "./report.js";

export interface QueuesBench extends QueueBench {
  readonly queues: number;
  readonly clients: number;
}

const TARGET = 0.5;

/** Traffic spread over many queues, each with a consumer, against the same traffic on one queue. */
export async function benchQueues({ rounds, directory, queues, ...load }: QueuesBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const contenders: Contender[] = [
      { name: "one queue", load: (port) => ({ kind: "queues", port, count: 1, ...load }) },
      { name: `${queues} queues`, load: (port) => ({ kind: "queues", port, count: queues, ...load }) },
    ];
    const results = await compare(contenders, rounds, path);
    const [one = [], many = []] = results;
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${load.messages} messages of ${load.bodyBytes} B from ${load.clients} clients that also consume, at most ${load.window} unconfirmed, medians of ${rounds} rounds\n`,
    );
    console.log(table([COMPARE_HEADING, ...compareRows(contenders, results)]));
    console.log(`\n${ratioLine(medianRate(many) / medianRate(one), TARGET)}`);
  } finally {
    removeDirectory(path);
  }
}
