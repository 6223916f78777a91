import { COMPARE_HEADING, type Contender, compare, compareRows, medianRate } from "./compare.js";
import { makeDirectory, removeDirectory } from "./directory.js";
import type { QueueBench } from "./queue.js";
import { describeMachine, ratioLine, table } from "./report.js";

const TARGET = 0.5;

/** Every message rejected into the dead-letter queue against every message acked, round by round in turn. */
export async function benchDeadLetters({ rounds, directory, ...load }: QueueBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const contenders: Contender[] = [
      { name: "every message acked", load: (port) => ({ kind: "round-trip", port, ...load }) },
      { name: "every message rejected", load: (port) => ({ kind: "round-trip", port, ...load, settle: "reject" }) },
    ];
    const results = await compare(contenders, rounds, path);
    const [acked = [], rejected = []] = results;
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${load.messages} messages of ${load.bodyBytes} B, at most ${load.window} unconfirmed, medians of ${rounds} rounds\n`,
    );
    console.log(table([COMPARE_HEADING, ...compareRows(contenders, results)]));
    console.log(`\n${ratioLine(medianRate(rejected) / medianRate(acked), TARGET)}`);
  } finally {
    removeDirectory(path);
  }
}
