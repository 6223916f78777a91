export type { Abilities, EngineHost, EngineUnderTest } from "./engine-host.js";
export { ManualClock } from "./manual-clock.js";
export { testEngine } from "./test-engine.js";
