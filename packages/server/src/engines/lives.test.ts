import { describe, expect, it } from "vitest";
import { EventLog } from "./conformance/event-log.js";
import { ManualClock } from "./conformance/manual-clock.js";
import { MemoryStore } from "./memory/memory-store.js";
import { StoredEngine } from "./stored-engine.js";

describe("a store that turns out to be damaged", () => {
  const clock = new ManualClock();
  const damaged = new Error("it is damaged");

  const newEngine = (): StoredEngine => new StoredEngine({ name: "memory", store: new MemoryStore(), clock, random: () => 0 });

  it("stops the engine at once, which begins again when the store opens", async () => {
    const engine = newEngine();
    await engine.open(new EventLog());
    await engine.define({ namespace: "/", queue: "orders" }, {});
    await engine.fail(damaged);
    await expect(engine.list("/", undefined, 10)).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    await clock.advance(100);
    expect((await engine.list("/", undefined, 10)).items).toEqual(["orders"]);
    await engine.close();
  });

  it("keeps an engine from beginning that is being opened", async () => {
    const engine = newEngine();
    const opened = engine.open(new EventLog());
    await engine.fail(damaged);
    await expect(opened).rejects.toBe(damaged);
    await engine.open(new EventLog());
    await engine.close();
  });
});
