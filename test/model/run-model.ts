import fc from "fast-check";
import type { EngineHost, Restart } from "../../packages/server/src/engines/conformance/engine-host.js";
import { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import { attach, consumeCommands } from "./consume-commands.js";
import { publishCommands } from "./publish-commands.js";
import { QueueModel } from "./queue-model.js";
import { restartCommands } from "./restart-commands.js";
import { QUEUE } from "./world.js";

const OPTIONS = { leaseMs: 5_000, maxAttempts: 2, backoffMs: 1_000 };
const WEEK_MS = 604_800_000;

/** How far a run goes, and which one to repeat: a failure prints `seed`, `path` and `replayPath`. */
export interface ModelRun {
  readonly runs: number;
  readonly commandsMax: number;
  readonly restarts: readonly Restart[];
  readonly replay?: { readonly seed: number; readonly path: string; readonly replayPath?: string };
}

/** What the runs came to, so that they cannot pass by doing nothing. */
class Seen {
  #acked = 0;
  #rejected = 0;
  #outOfAttempts = 0;
  #published = 0;

  add({ acked, dead, published }: QueueModel): void {
    this.#published += published;
    this.#acked += acked.size;
    this.#rejected += dead.filter(({ reason }) => reason === "rejected").length;
    this.#outOfAttempts += dead.filter(({ reason }) => reason === "attempts").length;
  }

  expectEnough(runs: number): void {
    const counts = { published: this.#published, acked: this.#acked, rejected: this.#rejected, outOfAttempts: this.#outOfAttempts };
    for (const [what, count] of Object.entries(counts)) {
      if (count < runs / 10) throw new Error(`only ${count} messages were ${what} in ${runs} runs`);
    }
  }
}

/** Does random things to an engine and to the model, and fails with the shortest list of things after which they differ. */
export async function checkAgainstModel(createHost: () => Promise<EngineHost>, run: ModelRun): Promise<void> {
  const all = [...publishCommands, ...consumeCommands, ...restartCommands(run.restarts)];
  const { replayPath, ...replay } = run.replay ?? {};
  const repeat = replayPath === undefined ? {} : { replayPath };
  const commands = fc.commands([fc.oneof(...all)], { maxCommands: run.commandsMax, size: "max", ...repeat });
  const seen = new Seen();
  const property = fc.asyncProperty(commands, async (list) => {
    const host = await createHost();
    try {
      const real = await Harness.open(host);
      try {
        const backoff = { type: "fixed", delayMs: OPTIONS.backoffMs, delayMaxMs: OPTIONS.backoffMs, jitter: 0 } as const;
        const { leaseMs, maxAttempts } = OPTIONS;
        await real.define(QUEUE, { leaseMs, maxAttempts, backoff, dedupWindowMs: WEEK_MS });
        const model = new QueueModel(OPTIONS);
        for (const maxInFlight of [3, 8]) await attach(model, real, maxInFlight);
        await fc.asyncModelRun(() => ({ model, real }), list);
        seen.add(model);
        await real.checkCounts();
      } finally {
        await real.close();
      }
    } finally {
      await host.destroy();
    }
  });
  await fc.assert(property, { numRuns: run.runs, ...replay });
  if (run.replay === undefined) seen.expectEnough(run.runs);
}
