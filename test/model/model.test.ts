import { describe, it } from "vitest";
import { createLevelHost } from "../../packages/server/src/engines/level/level-host.js";
import { createMemoryHost } from "../../packages/server/src/engines/memory/memory-host.js";
import { checkAgainstModel } from "./run-model.js";

const restarts = ["reopen", "crash"] as const;

describe("random runs against the model", () => {
  it("P4 P5 L1-L5 D1 C1: the memory engine does what the model does", async () => {
    await checkAgainstModel(createMemoryHost, { runs: 150, commandsMax: 120, restarts });
  }, 120_000);

  it("P1-P5 L1-L5 D1 C1: the level engine does what the model does", async () => {
    await checkAgainstModel(createLevelHost, { runs: 25, commandsMax: 100, restarts });
  }, 120_000);
});
