import fc from "fast-check";
import type { EngineHost, Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { consumeCommands } from "./consume-commands.js";
import { publishCommands } from "./publish-commands.js";
import { QueueModel } from "./queue-model.js";
import { restartCommands } from "./restart-commands.js";
import { QUEUE } from "./world.js";

const OPTIONS = { leaseMs: 5_000, maxAttempts: 3, backoffMs: 1_000 };
const WEEK_MS = 604_800_000;

/** How far a run goes, and which one to repeat: a failure prints `seed`, `path` and `replayPath`. */
export interface ModelRun {
  readonly runs: number;
  readonly commandsMax: number;
  readonly restarts: readonly Restart[];
  readonly replay?: { readonly seed: number; readonly path: string; readonly replayPath?: string };
}

/** Does random things to an engine and to the model, and fails with the shortest list of things after which they differ. */
export async function checkAgainstModel(createHost: () => Promise<EngineHost>, run: ModelRun): Promise<void> {
  const all = [...publishCommands, ...consumeCommands, ...restartCommands(run.restarts)];
  const { replayPath, ...replay } = run.replay ?? {};
  const repeat = replayPath === undefined ? {} : { replayPath };
  const commands = fc.commands(all, { maxCommands: run.commandsMax, size: "max", ...repeat });
  const property = fc.asyncProperty(commands, async (list) => {
    const host = await createHost();
    try {
      const real = await Harness.open(host);
      try {
        const backoff = { type: "fixed", delayMs: OPTIONS.backoffMs, delayMaxMs: OPTIONS.backoffMs, jitter: 0 } as const;
        const { leaseMs, maxAttempts } = OPTIONS;
        await real.define(QUEUE, { leaseMs, maxAttempts, backoff, dedupWindowMs: WEEK_MS });
        await fc.asyncModelRun(() => ({ model: new QueueModel(OPTIONS), real }), list);
        await real.checkCounts();
      } finally {
        await real.close();
      }
    } finally {
      await host.destroy();
    }
  });
  await fc.assert(property, { numRuns: run.runs, ...replay });
}
