import { describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { Refusals } from "./refusals.js";

describe("Refusals", () => {
  it("counts each kind, tells the first at once and the others together", async () => {
    const clock = new ManualClock();
    const told: object[] = [];
    const refusals = new Refusals(["origin", "rate"], clock, (refused) => told.push(refused));
    refusals.add("origin", "origin a", "10.0.0.1");
    for (let index = 0; index < 500; index++) refusals.add("origin", `origin ${index}`, "10.0.0.2");
    refusals.add("rate", "too much");
    expect(told).toEqual([
      { kind: "origin", count: 1, reason: "origin a", remote: "10.0.0.1" },
      { kind: "rate", count: 1, reason: "too much", remote: undefined },
    ]);
    await clock.advance(10_000);
    expect(told.slice(2)).toEqual([{ kind: "origin", count: 500, reason: "origin 499", remote: "10.0.0.2" }]);
    expect({ ...refusals.counts }).toEqual({ origin: 501, rate: 1 });
    await clock.advance(60_000);
    expect(told).toHaveLength(3);
    refusals.add("rate", "again");
    expect(told).toHaveLength(4);
  });
});
