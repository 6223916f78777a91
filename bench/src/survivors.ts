import { connect } from "holdfast-client";
import { journalBytes, makeDirectory, removeDirectory, storedBytes } from "./directory.js";
import { runLoad, ServerProcess, startHolding } from "./processes.js";
import { describeMachine, progress, table } from "./report.js";

export interface SurvivorsBench {
  readonly messages: number;
  readonly every: number;
  readonly bodyBytes: number;
  readonly directory: string;
}

const TARGET = 0.5;
const SETTLE_MS_MAX = 60_000;
const LEASE_MS = 43_200_000;
const KIB = 2 ** 10;

/** Acks all but one message of each stored block, and looks how much of the disk the survivors keep. */
export async function benchSurvivors({ messages, every, bodyBytes, directory }: SurvivorsBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(directory);
  try {
    const server = await ServerProcess.start("holdfast", path);
    const holdfast = connect(`http://127.0.0.1:${server.port}`);
    const queue = holdfast.queue("bench");
    await queue.define({ leaseMs: LEASE_MS });
    const emptyBytes = storedBytes(path);
    progress(`storing ${messages} messages, ${every} a commit`);
    await runLoad({ kind: "fill", port: server.port, queue: "bench", messages, arrayMessages: every, turns: 1, bodyBytes });
    const filledBytes = storedBytes(path);
    progress("acking all but the survivors");
    const holding = await startHolding({ kind: "hold", port: server.port, messages, every });
    const start = performance.now();
    const { bytes: liveBytes, inFlight } = await queue.stats();
    let best = { bytes: storedBytes(path), ms: 0 };
    progress(`${inFlight} survivors of ${liveBytes} B; waiting for the disk to settle`);
    while (performance.now() - start < SETTLE_MS_MAX && liveBytes < TARGET * best.bytes) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      best = { bytes: storedBytes(path), ms: performance.now() - start };
    }
    const journal = journalBytes(path);
    await holding.end();
    await holdfast.close();
    await server.stop();
    const ratio = liveBytes / best.bytes;
    console.log(describeMachine(fileSystem));
    console.log(`load      ${messages} messages of ${bodyBytes} B, one of ${every} stays in flight\n`);
    console.log(
      table([
        ["", "figure"],
        ["stored bytes of the empty queue", `${(emptyBytes / KIB).toFixed(0)} KiB`],
        ["stored bytes when it was full", `${(filledBytes / KIB).toFixed(0)} KiB`],
        ["survivors", inFlight.toString()],
        ["live bytes", `${(liveBytes / KIB).toFixed(0)} KiB`],
        [`stored bytes after ${(best.ms / 1_000).toFixed(1)} s`, `${(best.bytes / KIB).toFixed(0)} KiB`],
        ["beside them the journal, which keeps its size", `${(journal / KIB).toFixed(0)} KiB`],
      ]),
    );
    console.log(`\nlive      ${ratio.toFixed(2)} of what is stored, target ${TARGET} or more: ${ratio >= TARGET ? "met" : "NOT met"}`);
  } finally {
    removeDirectory(path);
  }
}
