import { join } from "node:path";
import { medianRate, rateOf } from "./compare.js";
import { makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import type { LoadResult, OrderLoad } from "./protocol.js";
import type { QueueBench } from "./queue.js";
import { describeMachine, median, progress, quantile, ratioLine, table } from "./report.js";

const KEYS = 1_000;
const CONSUMERS = 4;

/** Each beside what it is meant to be of no order at least. By Zipf's law that cannot be met: decisions/024 says why. */
const LOADS: readonly (readonly [name: string, order: OrderLoad, target?: number])[] = [
  ["none", { ordering: "none", keys: KEYS, distribution: "uniform", consumers: CONSUMERS }],
  ["key, uniform", { ordering: "key", keys: KEYS, distribution: "uniform", consumers: CONSUMERS }, 0.8],
  ["key, Zipf", { ordering: "key", keys: KEYS, distribution: "zipf", consumers: CONSUMERS }, 0.8],
  ["fifo", { ordering: "fifo", keys: KEYS, distribution: "uniform", consumers: CONSUMERS }, 0.7],
];

/** Ordered queues against an unordered one with the same consumers, round by round in turn. */
export async function benchOrder(options: QueueBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const results = new Map<string, LoadResult[]>(LOADS.map(([name]) => [name, []]));
    for (let round = 1; round <= options.rounds; round++) {
      for (const [name, order] of LOADS) {
        const result = await measure(options, order, join(path, `${order.ordering}-${order.distribution}-${round}`));
        results.get(name)?.push(result);
        progress(`round ${round} of ${options.rounds}: ${name} ${Math.round(rateOf(result))}/s`);
      }
    }
    const rate = (name: string): number => medianRate(results.get(name) ?? []);
    const base = rate("none");
    const rows = LOADS.map(([name]) => row(name, results.get(name) ?? [], base));
    console.log(describeMachine(fileSystem));
    console.log(
      `load      ${options.messages} messages of ${options.bodyBytes} B, ${KEYS} keys, ${CONSUMERS} consumers, at most ${options.window} unconfirmed, medians of ${options.rounds} rounds\n`,
    );
    console.log(table([["ordering", "messages/s", "p50 ms", "p99 ms", "of none"], ...rows]));
    const ratios = LOADS.flatMap(([name, , target]) => (target === undefined ? [] : [ratioLine(rate(name) / base, target, name)]));
    console.log(`\n${ratios.join("\n")}`);
  } finally {
    removeDirectory(path);
  }
}

async function measure({ messages, window, bodyBytes }: QueueBench, order: OrderLoad, directory: string): Promise<LoadResult> {
  const server = await ServerProcess.start("holdfast", directory);
  const result = await runLoad({ kind: "round-trip", port: server.port, messages, window, bodyBytes, order });
  await server.stop();
  return result;
}

function row(name: string, results: readonly LoadResult[], base: number): string[] {
  const rate = medianRate(results);
  const latency = (share: number): string => median(results.map(({ latenciesMs }) => quantile(latenciesMs, share))).toFixed(2);
  return [name, Math.round(rate).toString(), latency(0.5), latency(0.99), `${(rate / base).toFixed(2)}x`];
}
