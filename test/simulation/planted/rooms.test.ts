import { describe, expect, it } from "vitest";
import { check } from "../checker.js";
import { AGAIN, BAR, begin, heard, KITCHEN, PHONE, settleInJoin, settleInUnansweredJoin } from "../room-story.js";
import { testCaught } from "./bug.js";

testCaught("what devices get", [
  [
    "a cursor that passes an unsettled message",
    "skipped",
    () => {
      const story = heard(begin(), 2);
      story.ack(PHONE, 2);
      story.go(PHONE);
      story.come(AGAIN);
      return story.end();
    },
  ],
  [
    "a gap that is not told",
    "missed",
    () => {
      const story = begin({ maxMessages: 1 });
      for (const sequence of [1, 2, 3]) story.emit(`m${sequence}`);
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      story.hear(PHONE, 3);
      return story;
    },
  ],
  [
    "catching up after what is live",
    "inverted",
    () => {
      const story = begin();
      for (const sequence of [1, 2, 3]) story.emit(`m${sequence}`);
      for (const sequence of [1, 3, 2]) story.hear(PHONE, sequence);
      return story;
    },
  ],
  [
    "a member without the first message",
    "missed",
    () => {
      const story = begin();
      story.member("member-add", "cid");
      story.emit("m1");
      story.come("cid phone 1");
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      return story.end(1, ["ann", "bob", "cid"]);
    },
  ],
  [
    "a second device without what came after it",
    "missed",
    () => {
      const story = begin();
      story.come("ann tablet 1");
      story.emit("m1");
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      return story.end();
    },
  ],
  [
    "a message that comes again behind a cursor that was written",
    "again",
    () => {
      const story = heard(begin(), 1);
      story.ack(PHONE, 1);
      story.durable().crash();
      story.come(AGAIN);
      story.hear(AGAIN, 1);
      return story;
    },
  ],
  [
    "a settled message that comes again in its session",
    "again",
    () => {
      const story = heard(begin(), 2);
      story.ack(PHONE, 2);
      story.wait(40_000).hear(PHONE, 2, { redelivered: true });
      return story;
    },
  ],
  [
    "a join that takes a device past what it did not settle",
    "skipped",
    () => {
      const story = begin();
      story.come("ann tablet 1");
      story.emit("m1");
      for (const session of [PHONE, "ann tablet 1"]) story.hear(session, 1);
      story.ack(PHONE, 1);
      story.join("ann tablet 1", "new", 2);
      return story.end();
    },
  ],
  [
    "a join that takes a device past what came since it was here first",
    "missed",
    () => {
      const story = begin();
      story.come("ann tablet 1");
      story.emit("m1");
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      story.join("ann tablet 1", "new", 2);
      return story.end();
    },
  ],
  [
    "what is below the place that a join answered",
    "again",
    () => {
      const story = begin();
      for (const sequence of [1, 2, 3]) story.emit(`m${sequence}`);
      story.come("ann tablet 1");
      story.join("ann tablet 1", 3, 3);
      story.hear("ann tablet 1", 2);
      return story;
    },
  ],
  [
    "an excepted user who is served",
    "excepted",
    () => {
      const story = begin();
      story.emit("m1", { except: [{ user: "ann" }] });
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a member of an excepted room who is served",
    "excepted",
    () => {
      const story = begin();
      story.member("member-add", "ann", "bar");
      story.emit("m1", { except: [BAR] });
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a member of two rooms who is served through both",
    "excepted",
    () => {
      const story = begin();
      story.member("member-add", "ann", "bar");
      story.emit("m1", { to: [KITCHEN, BAR] });
      story.hear(PHONE, 1);
      story.hear(PHONE, 1, { target: BAR });
      return story;
    },
  ],
  [
    "somebody who is a member no more",
    "excepted",
    () => {
      const story = begin();
      story.member("member-remove", "ann");
      story.emit("m1");
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a session that was replaced, and gets messages",
    "ended-session",
    () => {
      const story = begin();
      story.emit("m1");
      story.come(AGAIN);
      story.go(PHONE, "replaced");
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a session that was replaced, and settles",
    "stale-accepted",
    () => {
      const story = heard(begin(), 1);
      story.come(AGAIN);
      story.go(PHONE, "replaced");
      story.ack(PHONE, 1);
      return story;
    },
  ],
  [
    "messages that come again before their time",
    "early-retry",
    () => {
      const story = heard(begin(), 1);
      story.wait(29_999).hear(PHONE, 1, { redelivered: true });
      return story;
    },
  ],
  [
    "messages in hand that come again though nothing was nacked",
    "early-retry",
    () => {
      const story = heard(begin(), 2);
      story.hear(PHONE, 2, { redelivered: true });
      return story;
    },
  ],
  [
    "a sixth delivery",
    "too-often",
    () => {
      const story = heard(begin(), 1);
      for (let delivery = 2; delivery <= 6; delivery++) {
        story.nack(PHONE, 1, 0);
        story.hear(PHONE, 1, { redelivered: true });
      }
      return story;
    },
  ],
  [
    "the delay of a nack ignored",
    "early-retry",
    () => {
      const story = heard(begin(), 1);
      story.nack(PHONE, 1, 5_000);
      story.wait(4_999).hear(PHONE, 1, { redelivered: true });
      return story;
    },
  ],
  [
    "a first delivery that says it is none",
    "false-redelivered",
    () => {
      const story = begin();
      story.emit("m1");
      story.hear(PHONE, 1, { redelivered: true });
      return story;
    },
  ],
  [
    "a second delivery that says it is the first",
    "false-redelivered",
    () => {
      const story = heard(begin(), 1);
      story.wait(30_000).hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a message of a room that was removed",
    "removed-room",
    () => {
      const story = begin();
      story.emit("m1");
      story.removeRoom();
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "a gap of a room that was removed",
    "removed-room",
    () => {
      const story = begin();
      story.emit("m1", { ttlMs: 1_000 });
      story.wait(1_000).removeRoom();
      story.gap(PHONE, 1, 1, "expired");
      return story;
    },
  ],
  [
    "a settlement that a room takes after it was removed",
    "stale-accepted",
    () => {
      const story = heard(begin(), 1);
      story.removeRoom();
      story.ack(PHONE, 1);
      return story;
    },
  ],
  ["more than a device may have", "window", () => heard(begin(), 257)],
  [
    "more than a device may have behind what it settled while a join was under way",
    "window",
    () => {
      const story = begin();
      for (let sequence = 1; sequence <= 260; sequence++) story.emit(`m${sequence}`);
      settleInJoin(story, 1, 3);
      for (let sequence = 4; sequence <= 260; sequence++) story.hear(PHONE, sequence);
      return story;
    },
  ],
  [
    "more than a device may have behind what it settled in a join that a crash left without an answer",
    "window",
    () => {
      const story = begin();
      for (let sequence = 1; sequence <= 260; sequence++) story.emit(`m${sequence}`);
      settleInUnansweredJoin(story);
      for (let sequence = 4; sequence <= 260; sequence++) story.hear(AGAIN, sequence);
      return story;
    },
  ],
  [
    "a message that a join left open, and that holds no window",
    "window",
    () => {
      const story = begin();
      for (let sequence = 1; sequence <= 259; sequence++) story.emit(`m${sequence}`);
      settleInJoin(story, 2, 3);
      for (let sequence = 4; sequence <= 259; sequence++) story.hear(PHONE, sequence);
      return story;
    },
  ],
]);

describe("the checker allows", () => {
  it("what may happen to devices", () => {
    const story = heard(begin(), 3);
    story.nack(PHONE, 2, 5_000);
    story.wait(5_000).hear(PHONE, 2, { redelivered: true });
    story.ack(PHONE, 1);
    story.ack(PHONE, 3);
    // What was settled just now is lost with the crash, and so is what was settled above the cursor.
    story.crash();
    story.come(AGAIN);
    for (const sequence of [1, 2, 3]) story.hear(AGAIN, sequence);
    story.ack(AGAIN, 1, 3);
    story.emit("m4", { except: [{ user: "ann" }] });
    story.emit("m5");
    story.hear(AGAIN, 5);
    story.ack(AGAIN, 5);
    const ended = story.end();
    for (const sequence of [1, 2, 3, 5]) ended.ledger(sequence, { delivered: ["ann"], pending: ["bob"] });
    ended.ledger(4, { pending: ["bob"] });
    expect(check(ended.events)).toEqual([]);
  });
});
