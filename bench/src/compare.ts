import { join } from "node:path";
import { runLoad, ServerProcess } from "./processes.js";
import type { Load, LoadResult } from "./protocol.js";
import { median, progress, quantile } from "./report.js";

/** One of the loads that take turns. */
export interface Contender {
  readonly name: string;
  /** Says what to do once the server listens. */
  readonly load: (port: number) => Load;
  /** Where its store is; a new one each round unless given. */
  readonly directory?: string;
}

export const rateOf = ({ messages, seconds }: LoadResult): number => messages / seconds;

export const medianRate = (results: readonly LoadResult[]): number => median(results.map(rateOf));

/** Runs the loads in turn, each with a server of its own, and gives each one's results in the order of the contenders. */
export async function compare(contenders: readonly Contender[], rounds: number, path: string): Promise<LoadResult[][]> {
  const results: LoadResult[][] = contenders.map(() => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, load, directory }] of contenders.entries()) {
      const server = await ServerProcess.start("holdfast", directory ?? join(path, `${index}-${round}`));
      const result = await runLoad(load(server.port));
      await server.stop();
      results[index]?.push(result);
      progress(`round ${round} of ${rounds}: ${name} ${Math.round(rateOf(result))}/s`);
    }
  }
  return results;
}

/** Name, rate, latencies (when they were taken) and part of the first one's rate: a row each. */
export function compareRows(contenders: readonly Contender[], results: readonly (readonly LoadResult[])[]): string[][] {
  const base = medianRate(results[0] ?? []);
  return contenders.map(({ name }, index) => {
    const rounds = results[index] ?? [];
    const latency = (share: number): string => median(rounds.map(({ latenciesMs }) => quantile(latenciesMs, share))).toFixed(2);
    const known = rounds.every(({ latenciesMs }) => latenciesMs.length > 0);
    const rate = medianRate(rounds);
    return [name, Math.round(rate).toString(), known ? latency(0.5) : "-", known ? latency(0.99) : "-", `${(rate / base).toFixed(2)}x`];
  });
}

export const COMPARE_HEADING = ["", "messages/s", "p50 ms", "p99 ms", "of the first"];
