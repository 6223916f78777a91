import { describe, it } from "vitest";
import type { EngineUnderTest, Restart } from "./engine-host.js";
import { Harness } from "./harness.js";

/** Registers cases, each with an engine of its own. */
export class Suite {
  readonly #tested: EngineUnderTest;
  /** The ways to restart that the engine supports. */
  readonly restarts: readonly Restart[];
  /** Whether the engine's store can be made to fail. */
  readonly failures: boolean;

  constructor(tested: EngineUnderTest) {
    this.#tested = tested;
    this.failures = tested.supports.failures;
    this.restarts = (["reopen", "crash"] as const).filter((way) => tested.supports[way]);
  }

  /** Registers a case; its name starts with the promise it would catch a break of. Afterwards the counts must add up. */
  case(name: string, body: (harness: Harness) => Promise<void>, timeoutMs?: number): void {
    it(name, () => this.#run(body), timeoutMs);
  }

  /** Registers a case for each way to restart that the engine supports. */
  eachRestart(name: (way: string) => string, body: (harness: Harness, way: Restart) => Promise<void>): void {
    for (const way of this.restarts) {
      this.case(name(way === "crash" ? "a crash" : "a graceful restart"), (harness) => body(harness, way));
    }
  }

  topic(name: string, register: () => void): void {
    describe(name, register);
  }

  async #run(body: (harness: Harness) => Promise<void>): Promise<void> {
    const host = await this.#tested.host();
    try {
      const harness = await Harness.open(host);
      try {
        await body(harness);
        await harness.checkCounts();
        await harness.checkStore();
      } finally {
        await harness.close();
      }
    } finally {
      await host.destroy();
    }
  }
}
