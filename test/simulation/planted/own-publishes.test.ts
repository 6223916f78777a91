import { describe, expect, it } from "vitest";
import { check } from "../checker.js";
import type { HistoryEvent } from "../history.js";
import { HistoryLog } from "../history-log.js";
import type { Answer } from "../reply-history.js";
import type { Chimes } from "../schedule-history.js";
import { Story } from "../story.js";
import { testCaught } from "./bug.js";

const SECOND_MS = 1_000;
const BEGIN = 1_700_000_000_000;
const at = (seconds: number): number => BEGIN + seconds * SECOND_MS;

type Told = Partial<NonNullable<Chimes["listed"]>>;

/** A schedule of every other second, set in second 0, published for these seconds (by default when they come); it is looked at in second 10. */
function scheduled(published: readonly (number | readonly [time: number, publishedAt: number])[], told: Told = {}) {
  const log = new HistoryLog();
  log.add(BEGIN, { type: "restart", life: 1 });
  log.add(BEGIN, { type: "schedule", call: 1, schedule: "orders#1", everySeconds: 2 });
  log.add(BEGIN, { type: "schedule-done", call: 1, outcome: "ok", next: at(2) });
  const chimes = published.map((one, index) => {
    const [time, publishedAt] = typeof one === "number" ? [one, one] : one;
    return { schedule: "orders#1", time: at(time), sequence: index + 1, publishedAt: at(publishedAt) };
  });
  const listed = { published: published.length, skipped: 0, next: at(12), ...told };
  log.add(at(10.5), { type: "chimes", queue: "orders", chimes, listed });
  return log;
}

testCaught("schedules", [
  ["a time that comes twice", "duplicated", () => scheduled([2, 4, [4, 4.5], 6, 8, 10])],
  ["a time that does not come", "lost", () => scheduled([2, 4, 8, 10])],
  ["the first time that does not come", "lost", () => scheduled([4, 6, 8, 10])],
  ["a time that comes before it is there", "early", () => scheduled([2, [4, 3.9], 4, 6, 8, 10])],
  ["a time that nobody named", "unexpected", () => scheduled([2, 4, [5, 5], 6, 8, 10])],
  ["a schedule that stopped", "lost", () => scheduled([2, 4], { next: at(6) })],
  ["a schedule that counts what it did not publish", "counts", () => scheduled([2, 4, 6, 8, 10], { published: 6 })],
]);

/** A message is rejected whose sender waits for an answer, and another is acked. */
function asked(answers: readonly Partial<Answer>[], published = answers.length): { readonly events: readonly HistoryEvent[] } {
  const story = new Story();
  story.settle(story.deliver("a", story.publish("a")), "reject");
  story.settle(story.deliver("b", story.publish("b")), "ack");
  story.end([], [{ id: "a", sequence: 1, reason: "rejected" }], { published: 2, acked: 1, dead: 1 });
  const log = new HistoryLog();
  for (const { index: _, at: when, ...entry } of story.events) log.add(when, entry as Parameters<HistoryLog["add"]>[1]);
  const told = answers.map((answer) => ({ id: "a", correlationId: "a", reason: "rejected" as const, ...answer }));
  log.add(100_000, { type: "replies", of: ["orders"], published, answers: told });
  return log;
}

testCaught("answers", [
  ["a death that nobody is told", "answers", () => asked([])],
  ["an answer for each of one death and one ack", "answers", () => asked([{}, { id: "b", correlationId: "b" }])],
  ["an answer to another request", "answers", () => asked([{ correlationId: "b" }])],
]);

describe("the checker allows", () => {
  it("a schedule that was late once, and one that was there all the time", () => {
    expect(check(scheduled([2, 4, 6, 8, 10]).events)).toEqual([]);
    expect(check(scheduled([2, [4, 7.2], 8, 10]).events)).toEqual([]);
    // Published at 8 s, and stored with the one before.
    expect(check(scheduled([2, [4, 7.9], [8, 7.9], 10]).events)).toEqual([]);
  });

  it("one answer for one death", () => {
    expect(check(asked([{}]).events)).toEqual([]);
  });
});
