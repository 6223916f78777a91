import { afterEach, describe, expect, it } from "vitest";
import { check } from "./checker.js";
import { SABOTAGES } from "./sabotage.js";
import { OWN_PUBLISH_SABOTAGES } from "./sabotage-own-publishes.js";
import { ROOM_SABOTAGES } from "./sabotage-rooms.js";
import { simulate } from "./simulate.js";

/** A bug that is there must show within so many seeds. */
const SEEDS_MAX = 800;
const OPERATIONS = 600;

let takeOut: (() => void) | undefined;

afterEach(() => {
  takeOut?.();
  takeOut = undefined;
});

describe("the simulation finds a bug that was put in", () => {
  it.each([...SABOTAGES, ...ROOM_SABOTAGES, ...OWN_PUBLISH_SABOTAGES])(
    "$bug: $kind",
    { timeout: 120_000 },
    async ({ kind, firstSeed = 1, apply }) => {
      takeOut = apply();
      const found = new Set<string>();
      for (let seed = firstSeed; seed < firstSeed + SEEDS_MAX && !found.has(kind); seed++) {
        try {
          for (const violation of check(await simulate(seed, OPERATIONS))) found.add(violation.kind);
        } catch (error) {
          // A sabotaged engine may fall over; what it did to messages shows under another seed.
          found.add(String(error));
        }
      }
      expect([...found]).toContain(kind);
    },
  );
});
