import { describe, expect, it } from "vitest";
import { Holdfast } from "./holdfast.js";
import { resolveSettings } from "./settings.js";

describe("Holdfast.open", () => {
  it("resolves every option", () => {
    expect(resolveSettings({ directory: "data" })).toMatchObject({
      directory: "data",
      engine: "level",
      autoCreate: true,
      queuesMax: 10_000,
      disconnectGraceMs: 5_000,
      limits: { bodyBytesMax: 262_144, maxInFlightMax: 10_000, maxInFlightDefault: 100 },
    });
    expect(resolveSettings({ engine: "memory", limits: { maxInFlightMax: 10 } }).limits).toMatchObject({
      maxInFlightMax: 10,
      maxInFlightDefault: 10,
    });
  });

  const refused: readonly (readonly [options: object, message: string])[] = [
    [{}, 'directory is missing, expected a path, because engine "level"'],
    [{ directory: "" }, 'directory is "", expected at least 1 characters'],
    [{ engine: "nats", directory: "d" }, 'engine is "nats", expected "level", "memory" or an engine'],
    [{ engine: {}, directory: "d" }, 'engine is an object, expected "level", "memory" or an engine'],
    [{ engine: "memory", disconnectGraceMs: 60_001 }, "disconnectGraceMs is 60001, expected at most 60000"],
    [{ engine: "memory", limits: { bodyBytesMax: 300_000 } }, "limits.bodyBytesMax is 300000, expected at most 262144"],
    [null as unknown as object, "options is null, expected an object"],
    ["x" as unknown as object, 'options is "x", expected an object'],
    [[1], "options is an array of 1, expected an object"],
    [{ engine: "memory", dirctory: "d" }, 'dirctory is "d", expected no such field'],
    [{ engine: "memory", log: console.log }, "log is a function, expected an object with info, warn and error"],
  ];

  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, async () => {
      await expect(Holdfast.open(options)).rejects.toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining(message) });
    });
  }
});
