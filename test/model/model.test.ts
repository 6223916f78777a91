import { describe, it } from "vitest";
import { createLevelHost } from "../../packages/server/src/engines/level/level-host.js";
import { createMemoryHost } from "../../packages/server/src/engines/memory/memory-host.js";
import { checkAgainstModel, TIMES } from "./run-model.js";

const TIMEOUT_MS = 120_000 * TIMES;
const restarts = ["reopen", "crash"] as const;

describe("random runs against the model", () => {
  for (const ordering of ["none", "key", "fifo"] as const) {
    it(
      `ordering ${ordering}: the memory engine does what the model does`,
      async () => {
        await checkAgainstModel(createMemoryHost, { ordering, runs: 150, commandsMax: 90, restarts });
      },
      TIMEOUT_MS,
    );

    it(
      `ordering ${ordering}: the level engine does what the model does`,
      async () => {
        await checkAgainstModel(createLevelHost, { ordering, runs: 30, commandsMax: 90, restarts });
      },
      TIMEOUT_MS,
    );
  }
});
