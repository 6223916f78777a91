import { describe, expect, it } from "vitest";
import type { DueMessage } from "./due-list.js";
import { newListOf } from "./priority-level.js";
import { PriorityLevels, TURNS } from "./priority-levels.js";

const RECORD = new Uint8Array();

/** Levels that have plenty of messages each, and how to lease one; gives its priority. */
function levelsOf(...priorities: readonly number[]): { levels: PriorityLevels; lease: () => number | undefined } {
  const levels = new PriorityLevels();
  let order = 1;
  for (const priority of priorities) {
    const list = newListOf(priority);
    for (let index = 0; index < 100; index++, order++) {
      const message: DueMessage = {
        list,
        due: 0,
        order,
        sequence: order,
        attempts: 0,
        publishedAt: 0,
        since: 0,
        expireAt: Number.POSITIVE_INFINITY,
        size: 1,
        reason: undefined,
      };
      levels.list(list).expect(message, RECORD);
      levels.list(list).arrive(message);
    }
  }
  const lease = (): number | undefined => {
    const level = levels.choose(1, true);
    level?.ready(1)?.take();
    if (level !== undefined) levels.tookTurn();
    return level?.priority;
  };
  return { levels, lease };
}

describe("turns of priority levels", () => {
  it("leave no choice while only the lowest has something", () => {
    expect(levelsOf().lease()).toBeUndefined();
  });

  it("give the lowest one of 16 beside one other level", () => {
    const { lease } = levelsOf(5);
    const round = Array.from({ length: TURNS }, lease);
    expect(round).toEqual([...new Array(TURNS - 1).fill(5), 0]);
  });

  it("give nine lower levels one each, in turn, and the highest the rest", () => {
    const { lease } = levelsOf(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const round = Array.from({ length: TURNS }, lease);
    expect(round).toEqual([9, 9, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(Array.from({ length: TURNS }, lease)).toEqual(round);
  });

  it("of a level without anything ready go to the highest", () => {
    const { lease } = levelsOf(7, 3);
    const round = Array.from({ length: TURNS }, lease);
    expect(round.flatMap((priority, turn) => (priority === 7 ? [] : [turn, priority]))).toEqual([12, 3, 15, 0]);
  });
});
