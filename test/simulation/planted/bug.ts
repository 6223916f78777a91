import { describe, expect, it } from "vitest";
import { check, type ViolationKind } from "../checker.js";
import type { HistoryEvent } from "../history.js";
import { Story } from "../story.js";

/** A bug of an engine, as its history shows it; the checker must find this kind and no other. */
export type Bug = readonly [bug: string, kind: ViolationKind, tell: () => { readonly events: readonly HistoryEvent[] }];

/** For what the second consumer does. */
export const TWO = { consumer: "two" };

/** A story of two messages of one key, published and durable. */
export function keyed(): Story {
  const story = new Story({ ordering: "key" });
  story.publish("a1", { key: "a" });
  story.publish("a2", { key: "a" });
  return story;
}

/** Tests that the checker catches each bug. */
export function testCaught(topic: string, bugs: readonly Bug[]): void {
  describe(`the checker catches a bug of ${topic}`, () => {
    it.each(bugs)("%s: %s", (_bug, kind, tell) => {
      const violations = check(tell().events);
      expect([...new Set(violations.map((violation) => violation.kind))], JSON.stringify(violations, undefined, 1)).toEqual([kind]);
      for (const { message, indexes } of violations) {
        expect(message).not.toMatch(/\n|undefined|NaN|Infinity/);
        expect(message).toMatch(new RegExp(`^${kind}: .*(orders|batch|token|kitchen|bar|inbox)`));
        expect(indexes.every((index) => index >= 0)).toBe(true);
      }
    });
  });
}
