import { directoryBytes, makeDirectory, removeDirectory } from "./directory.js";
import { runLoad, ServerProcess } from "./processes.js";
import { describeMachine, median, progress, table } from "./report.js";

export interface BacklogBench {
  readonly messages: number;
  readonly directory: string;
}

const BODY_BYTES = 1_024;
const WINDOW = 1_000;
const MIB = 2 ** 20;
const SHRINK_MS_MAX = 60_000;

/** A large backlog: what it costs in memory, how fast a server starts on it, how fast it drains, and what stays on disk. */
export async function benchBacklog({ messages, directory }: BacklogBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const rates = [await emptyQueueRate(directory)];
    let server = await ServerProcess.start("holdfast", path);
    const idle = (await server.usage()).rssBytes;
    let peakRss = idle;
    const sample = setInterval(() => void server.usage().then(({ rssBytes }) => (peakRss = Math.max(peakRss, rssBytes))), 250);
    progress(`publishing ${messages / 2} messages in batches, then ${messages / 2} one by one`);
    await runLoad({ kind: "publish", port: server.port, messages: messages / 2, window: WINDOW, bodyBytes: BODY_BYTES });
    await runLoad({ kind: "publish", port: server.port, messages: messages / 2, window: 1, bodyBytes: BODY_BYTES });
    clearInterval(sample);
    const filledRss = Math.max(peakRss, (await server.usage()).rssBytes);
    await server.stop();
    const peakBytes = directoryBytes(path);

    const start = performance.now();
    server = await ServerProcess.start("holdfast", path);
    const restartMs = performance.now() - start;
    const restartedRss = (await server.usage()).rssBytes;
    progress("draining");
    let drainRss = restartedRss;
    const draining = setInterval(() => void server.usage().then(({ rssBytes }) => (drainRss = Math.max(drainRss, rssBytes))), 250);
    const drained = await runLoad({ kind: "drain", port: server.port, messages, window: WINDOW });
    clearInterval(draining);
    const shrinkMs = await untilShrunk(path, peakBytes / 10);
    await server.stop();
    rates.push(await emptyQueueRate(directory));

    const drainRate = drained.messages / drained.seconds;
    console.log(describeMachine(fileSystem));
    console.log(
      table([
        ["", "figure"],
        ["messages stored", `${messages} of ${BODY_BYTES} B, half of them one by one`],
        ["server RSS, idle", `${(idle / MIB).toFixed(0)} MiB`],
        ["growth while the backlog was published", `${((filledRss - idle) / MIB).toFixed(0)} MiB`],
        ["growth while it drained", `${((drainRss - restartedRss) / MIB).toFixed(0)} MiB`],
        ["restart to serving", `${restartMs.toFixed(0)} ms, of which Node starts and loads too`],
        ["drain rate", `${Math.round(drainRate)} messages/s`],
        ["rate with an empty queue", `${Math.round(median(rates))} messages/s`],
        ["drain rate / empty-queue rate", `${(drainRate / median(rates)).toFixed(2)}x`],
        ["directory at its peak", `${(peakBytes / MIB).toFixed(0)} MiB`],
        [
          "below 10 % of it after draining",
          shrinkMs === undefined ? `not within ${SHRINK_MS_MAX / 1_000} s` : `after ${(shrinkMs / 1_000).toFixed(1)} s`,
        ],
      ]),
    );
  } finally {
    removeDirectory(path);
  }
}

/** The rate at which the same bodies go through an empty queue. */
async function emptyQueueRate(directory: string): Promise<number> {
  const { path } = makeDirectory(directory);
  const server = await ServerProcess.start("holdfast", path);
  const result = await runLoad({ kind: "round-trip", port: server.port, messages: 200_000, window: WINDOW, bodyBytes: BODY_BYTES });
  await server.stop();
  removeDirectory(path);
  return result.messages / result.seconds;
}

async function untilShrunk(path: string, bytes: number): Promise<number | undefined> {
  const start = performance.now();
  while (performance.now() - start < SHRINK_MS_MAX) {
    if (directoryBytes(path) < bytes) return performance.now() - start;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}
