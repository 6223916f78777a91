import { expect, it } from "vitest";
import { Latencies } from "./latencies.js";

it("sums up times by what half of them, and 99 of 100, do not pass", () => {
  const latencies = new Latencies(300);
  expect(latencies.summary()).toEqual({ p50: 0, p99: 0, max: 0 });
  latencies.add(7);
  expect(latencies.summary()).toEqual({ p50: 7, p99: 7, max: 7 });
  for (let time = 200; time >= 1; time--) if (time !== 7) latencies.add(time);
  expect(latencies.summary()).toEqual({ p50: 100, p99: 198, max: 200 });
});
