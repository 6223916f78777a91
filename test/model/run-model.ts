import fc from "fast-check";
import type { EngineHost, Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { Command } from "./command.js";
import { attach, consumeCommands } from "./consume-commands.js";
import type { Ordering } from "./order.js";
import { publishCommands } from "./publish-commands.js";
import { type ModelOptions, QueueModel } from "./queue-model.js";
import { restartCommands } from "./restart-commands.js";
import { Seen } from "./seen.js";
import { upkeepCommands } from "./upkeep-commands.js";
import { QUEUE } from "./world.js";

/** How far a check goes. */
export interface ModelRun {
  readonly ordering: Ordering;
  readonly runs: number;
  readonly commandsMax: number;
  readonly restarts: readonly Restart[];
}

/** What the environment says of runs: more of them, or one again. */
const { HOLDFAST_MODEL_SEED: seed, HOLDFAST_MODEL_PATH: path, HOLDFAST_MODEL_REPLAY: replayPath } = process.env;
/** So many runs come to everything there is. */
const ENOUGH_RUNS = 100;
export const TIMES = Number(process.env.HOLDFAST_MODEL_TIMES ?? 1);

/** Definitions of the queue under test, the plainest one first. */
function definitions(ordering: Ordering): fc.Arbitrary<ModelOptions> {
  const ordered = ordering !== "none";
  return fc.record({
    ordering: fc.constant(ordering),
    poison: fc.constantFrom<ModelOptions["poison"]>("dead-letter", ...(ordered ? (["block"] as const) : [])),
    maxAttempts: fc.constantFrom(2, 3, 1, 0),
    depthMax: fc.constantFrom(0, 6, 9),
    overflow: fc.constantFrom<ModelOptions["overflow"]>("reject", ...(ordered ? [] : (["dead-letter-oldest"] as const))),
    leaseMs: fc.constant(5_000),
    backoffMs: fc.constant(1_000),
    dedupWindowMs: fc.constant(20_000),
  });
}

async function defineQueue(real: Harness, { backoffMs, ...options }: ModelOptions): Promise<void> {
  const backoff = { type: "fixed", delayMs: backoffMs, delayMaxMs: backoffMs, jitter: 0 } as const;
  await real.define(QUEUE, { ...options, backoff });
}

/** One run; a failure tells its story. */
async function runOnce(host: EngineHost, model: QueueModel, commands: Iterable<Command>): Promise<void> {
  const real = await Harness.open(host);
  try {
    await defineQueue(real, model.options);
    for (const maxInFlight of [3, 8]) await attach(model, real, maxInFlight);
    await fc.asyncModelRun(() => ({ model, real }), commands as Iterable<fc.AsyncCommand<QueueModel, Harness, boolean>>);
    await real.checkCounts();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error([...model.story.map((line, index) => `${index + 1}. ${line}`), reason].join("\n"), { cause: error });
  } finally {
    await real.close();
  }
}

/**
 * Does random things to an engine and to the model, and fails with the shortest list of things after which they differ.
 * The failure names the seed and the paths that repeat it: see the variables above.
 */
export async function checkAgainstModel(createHost: () => Promise<EngineHost>, run: ModelRun): Promise<void> {
  const all = [...publishCommands, ...consumeCommands, ...upkeepCommands, ...restartCommands(run.restarts)];
  const commands = fc.commands([fc.oneof(...all)], {
    maxCommands: run.commandsMax,
    size: "max",
    ...(replayPath === undefined ? {} : { replayPath }),
  });
  const seen = new Seen();
  const property = fc.asyncProperty(definitions(run.ordering), commands, async (options, list) => {
    const host = await createHost();
    try {
      const model = new QueueModel(options);
      await runOnce(host, model, list);
      seen.add(model);
    } finally {
      await host.destroy();
    }
  });
  const again = seed === undefined ? {} : { seed: Number(seed), ...(path === undefined ? {} : { path, endOnFailure: true }) };
  const numRuns = run.runs * TIMES;
  await fc.assert(property, { numRuns, ...again });
  if (seed === undefined && numRuns >= ENOUGH_RUNS) seen.expectEnough(run.ordering);
}
