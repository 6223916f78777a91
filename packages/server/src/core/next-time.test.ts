import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextTime } from "./next-time.js";

const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().replace(".000Z", "Z");

/** The next times of a pattern, each after the one before. */
function times(cron: string, timezone: string, after: string, count: number): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  for (let at: number | undefined = Date.parse(after); at !== undefined && found.length < count; ) {
    at = nextTime(cron, timezone, at);
    found.push(iso(at));
  }
  return found;
}

describe("nextTime", () => {
  it.each([
    ["* * * * *", "2025-01-01T00:00:00Z", "2025-01-01T00:01:00Z"],
    ["* * * * *", "2025-01-01T00:00:59.999Z", "2025-01-01T00:01:00Z"],
    ["*/15 * * * * *", "2025-01-01T00:00:14.500Z", "2025-01-01T00:00:15Z"],
    ["0 2 * * *", "2025-01-01T02:00:00Z", "2025-01-02T02:00:00Z"],
    ["30 8 * * MON-FRI", "2025-01-03T09:00:00Z", "2025-01-06T08:30:00Z"],
    ["0 0 29 2 *", "2025-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 12 L * *", "2025-02-01T00:00:00Z", "2025-02-28T12:00:00Z"],
    ["@hourly", "2025-01-01T00:10:00Z", "2025-01-01T01:00:00Z"],
    ["@yearly", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
  ])("%s after %s is %s", (cron, after, expected) => {
    expect(iso(nextTime(cron, "UTC", Date.parse(after)))).toBe(expected);
  });

  it("goes by the clocks of the zone: four in the morning in Berlin, in winter and in summer", () => {
    expect(times("0 4 * * *", "Europe/Berlin", "2025-03-28T12:00:00Z", 3)).toEqual([
      "2025-03-29T03:00:00Z",
      "2025-03-30T02:00:00Z",
      "2025-03-31T02:00:00Z",
    ]);
    expect(times("0 4 * * *", "Europe/Berlin", "2025-10-24T12:00:00Z", 3)).toEqual([
      "2025-10-25T02:00:00Z",
      "2025-10-26T03:00:00Z",
      "2025-10-27T03:00:00Z",
    ]);
  });

  it("when clocks go forward: a time that is left out comes right after the change, once", () => {
    expect(times("30 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z", 2)).toEqual(["2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"]);
    expect(times("30 2 * * *", "America/New_York", "2025-03-08T12:00:00Z", 2)).toEqual(["2025-03-09T07:00:00Z", "2025-03-10T06:30:00Z"]);
    expect(times("30 * * * *", "Europe/Berlin", "2025-03-30T00:00:00Z", 3)).toEqual([
      "2025-03-30T00:30:00Z",
      "2025-03-30T01:30:00Z",
      "2025-03-30T02:30:00Z",
    ]);
  });

  it("when clocks go back: a time that comes twice is taken once, a step or a range goes on through both", () => {
    expect(times("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", 2)).toEqual(["2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"]);
    expect(times("30 * * * *", "Europe/Berlin", "2025-10-25T23:30:00Z", 3)).toEqual([
      "2025-10-26T00:30:00Z",
      "2025-10-26T01:30:00Z",
      "2025-10-26T02:30:00Z",
    ]);
  });

  it("is undefined for a day that there is not", () => {
    expect(nextTime("0 0 30 2 *", "UTC", 0)).toBeUndefined();
  });

  it("depends on its arguments alone, in whatever order it is asked", () => {
    const ask = (): (number | undefined)[] => [5, 1, 3, 1].map((hours) => nextTime("0 */2 * * *", "Asia/Tokyo", hours * 3_600_000));
    expect(ask()).toEqual(ask());
    expect(ask().map(iso)).toEqual(["1970-01-01T07:00:00Z", "1970-01-01T03:00:00Z", "1970-01-01T05:00:00Z", "1970-01-01T03:00:00Z"]);
  });

  it("is always later than what it was asked for, on a whole second", () => {
    const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana");
    const field = (min: number, max: number): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constant("*"),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 1, max }).map((step) => `*/${step}`),
      );
    const cron = fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map((fields) => fields.join(" "));
    const after = fc.integer({ min: 1_500_000_000_000, max: 2_000_000_000_000 });
    fc.assert(
      fc.property(cron, zone, after, (pattern, timezone, start) => {
        for (let at = start, steps = 0; steps < 5; steps++) {
          const next = nextTime(pattern, timezone, at);
          if (next === undefined) throw new Error("it never comes");
          expect(next).toBeGreaterThan(at);
          expect(next % 1_000).toBe(0);
          at = next;
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    "",
    "x",
    "* * * *",
    "* * * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "*/0 * * * *",
    "0 0 1 * +FRI",
    "0 0 ? * *",
    "@reboot",
    "@never",
    "2030-01-01T00:00:00Z",
    `${"1,".repeat(200)}1 * * * *`,
  ])("refuses the pattern %j by name", (cron) => {
    expect(() => nextTime(cron, "UTC", 0)).toThrow(/^cron is .*, expected 5 fields/);
  });

  it.each(["", "Mars/Olympus", "+02:00", "UTC\n", "x".repeat(100)])("refuses the zone %j by name", (timezone) => {
    expect(() => nextTime("* * * * *", timezone, 0)).toThrow(/^timezone is .*, expected an IANA name/);
  });
});
