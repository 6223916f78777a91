import { describe, expect, it } from "vitest";
import { TokenBucket } from "./token-bucket.js";

describe("TokenBucket", () => {
  it("gives a burst, then as much as a second brings", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
    for (let taken = 0; taken < 5; taken++) {
      expect(bucket.waitMs(0)).toBe(0);
      bucket.take(1, 0);
    }
    expect(bucket.waitMs(0)).toBeGreaterThan(0);
    expect(bucket.waitMs(100)).toBe(0);
    bucket.take(1, 100);
    expect(bucket.waitMs(100)).toBeGreaterThan(0);
  });

  it("says exactly when there is something in it again", () => {
    const bucket = new TokenBucket({ perSecond: 100, burst: 10 }, 0);
    bucket.take(35, 0);
    const waitMs = bucket.waitMs(0);
    expect(waitMs).toBe(251);
    expect(bucket.waitMs(waitMs - 1)).toBe(1);
    expect(bucket.waitMs(waitMs)).toBe(0);
  });

  it("lets one take more than it ever holds, and makes them wait for it", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
    bucket.take(1_005, 0);
    expect(bucket.level(0)).toBe(-1_000);
    expect(bucket.waitMs(99_000)).toBeGreaterThan(0);
    expect(bucket.waitMs(100_001)).toBe(0);
  });

  it("never holds more than its burst, and takes a clock that stands still or goes back", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 1_000);
    expect(bucket.level(1_000_000)).toBe(5);
    bucket.take(5, 1_000_000);
    expect(bucket.level(999_000)).toBe(0);
    expect(bucket.level(1_000_100)).toBe(1);
  });
});
