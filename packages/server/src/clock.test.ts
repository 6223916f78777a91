import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.js";

afterEach(() => vi.useRealTimers());

test.each([-3_600_000, 3_600_000])("T1: a jump of the system's clock by %i ms is ignored while running", (jumpMs) => {
  const before = systemClock.now();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + jumpMs });
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  expect(systemClock.now() - before).toBeLessThan(60_000);
  expect(Math.abs(Date.now() - before - jumpMs)).toBeLessThan(60_000);
});
