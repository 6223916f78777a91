import { appendFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { csvLine } from "./sample.js";

/**
 * Loaded into a server before itself, by `node --import`: tells of its memory and its event loop, which nobody sees from
 * outside, so that the server itself need not know of it.
 */
const SAMPLE_MS = 1_000;
const RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;

const { HOLDFAST_SOAK_SAMPLES: file, HOLDFAST_SOAK_DATA: data } = process.env;

function bytesIn(directory: string): number {
  let bytes = 0;
  try {
    for (const name of readdirSync(directory)) bytes += statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    // It is not there yet.
  }
  return bytes;
}

if (file !== undefined && data !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const sample = (): void => {
    const { rss, heapUsed, external } = process.memoryUsage();
    const descriptors = readdirSync("/proc/self/fd").length;
    // What it measures is how long a timer of that resolution took.
    const lagMs = Math.max(0, Math.round((delays.percentile(99) / NS_PER_MS - RESOLUTION_MS) * 100) / 100);
    delays.reset();
    const sampled = { atMs: Date.now(), pid: process.pid, rss, heap: heapUsed, external, descriptors, store: bytesIn(data), lagMs };
    appendFileSync(file, csvLine(sampled));
  };
  setInterval(sample, SAMPLE_MS).unref();
}
