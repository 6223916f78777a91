import { describe, expect, it } from "vitest";
import { Buckets } from "./buckets.js";

const RATE = { perSecond: 1, burst: 10 };

describe("Buckets", () => {
  it("has one bucket for all that share a name, whatever the name", () => {
    const buckets = new Buckets(RATE);
    for (const name of ["bob", "__proto__", "constructor", ""]) {
      const bucket = buckets.hold(name, 0);
      expect(buckets.hold(name, 0)).toBe(bucket);
      expect(buckets.holders(name)).toBe(2);
      bucket.take(10, 0);
    }
    expect(buckets.hold("alice", 0).level(0)).toBe(10);
  });

  it("does not fill a bucket because its holders leave and come back", () => {
    const buckets = new Buckets(RATE);
    buckets.hold("bob", 0).take(10, 0);
    buckets.release("bob");
    expect(buckets.holders("bob")).toBe(0);
    expect(buckets.hold("bob", 1_000).level(1_000)).toBe(1);
  });

  it("remembers the names of those who left up to a bound, and of those who are here always", () => {
    const buckets = new Buckets(RATE);
    buckets.hold("here", 0).take(10, 0);
    buckets.touch("first", 0).take(10, 0);
    for (let index = 0; index < 10_000; index++) buckets.touch(`other-${index}`, 0);
    expect(buckets.touch("first", 0).level(0)).toBe(10);
    expect(buckets.hold("here", 0).level(0)).toBe(0);
    expect(buckets.touch("other-9999", 0).level(0)).toBe(10);
  });
});
