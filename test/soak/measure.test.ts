import { expect, it } from "vitest";
import { measure, violationsOf } from "./measure.js";
import type { Sample } from "./sample.js";

const MIB = 1024 * 1024;
const SECONDS = 3_600;

/** An hour in which the heap fills up to be collected, from what is in use up to `thrown` MiB more. */
const hourOf = (inUse: (second: number) => number, thrown: (second: number) => number): Sample[] =>
  Array.from({ length: SECONDS }, (_, second) => ({
    ...{ atMs: 1_000_000 + second * 1_000, pid: 1, rss: 90 * MIB, external: 0, descriptors: 30, store: 40 * MIB, lagMs: 1 },
    heap: (inUse(second) + ((second % 20) / 20) * thrown(second)) * MIB,
  }));

it("a heap of which more is in use is told from one of which more is thrown away", () => {
  expect(
    violationsOf(
      measure(
        hourOf(
          () => 40,
          () => 20,
        ),
      ),
    ),
  ).toEqual([]);
  // Twice the load, from the middle of the hour on.
  expect(
    violationsOf(
      measure(
        hourOf(
          () => 40,
          (second) => (second > SECONDS / 2 ? 40 : 20),
        ),
      ),
    ),
  ).toEqual([]);
  expect(
    violationsOf(
      measure(
        hourOf(
          (second) => 40 + second / SECONDS,
          () => 20,
        ),
      ),
    ),
  ).toEqual([expect.stringMatching(/^rises: Heap in use \+(0\.99\d*|1) MiB\/h/)]);
});
