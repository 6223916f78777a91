import { describe, expect, it } from "vitest";
import { check } from "../checker.js";
import type { QueueSettings } from "../history.js";
import { beginAlone as begin, KITCHEN, PHONE, type RoomStory } from "../room-story.js";
import { testCaught } from "./bug.js";

/** The room had one message, and everybody took all they could. */
function ended(except: readonly { user: string }[] = []): RoomStory {
  const story = begin();
  story.emit("m1", { except });
  if (except.length > 0) return story.end(1, ["ann"]);
  story.hear(PHONE, 1);
  story.ack(PHONE, 1);
  return story.end(1, ["ann"]);
}

testCaught("ledgers", [
  ["somebody who waits, and settled it", "ledger", () => ended().ledger(1, { pending: ["ann"] })],
  ["somebody who is not there", "ledger", () => ended().ledger(1, {})],
  ["somebody who is there twice", "ledger", () => ended().ledger(1, { delivered: ["ann"], failed: ["ann"] })],
  ["somebody who was excepted", "ledger", () => ended([{ user: "ann" }]).ledger(1, { pending: ["ann"] })],
  [
    "somebody who has it without having settled it",
    "ledger",
    () => {
      const story = begin();
      story.emit("m1");
      return story.ledger(1, { delivered: ["ann"] });
    },
  ],
]);

const ORDERS: QueueSettings = {
  ordering: "none",
  leaseMs: 5_000,
  maxAttempts: 3,
  backoff: { type: "fixed", delayMs: 0, delayMaxMs: 0, jitter: 0 },
  poison: "dead-letter",
  deadLetter: false,
  dedupWindowMs: 600_000,
};
const queueScan = { type: "scan", queue: "orders" } as const;
const delivered = {
  type: "delivery",
  queue: "orders",
  consumer: "one",
  id: "m1",
  attempt: 1,
  body: "body of m1",
  publishedAt: 1_000,
  leaseUntil: 9_000,
} as const;

testCaught("queues that are members", [
  [
    "a message that comes to the queue twice",
    "duplicated",
    () => {
      const story = begin();
      story.feed("orders");
      story.emit("m1");
      story.add({ type: "attached", consumer: "one", queue: "orders" });
      for (const number of [1, 2]) story.add({ ...delivered, token: { life: 1, number }, sequence: number });
      return story;
    },
  ],
  [
    "a message that never comes to the queue",
    "lost",
    () => {
      const story = begin();
      story.feed("orders");
      story.emit("m1");
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      story.end(1, ["ann"]).add({ ...queueScan, messages: [] });
      return story;
    },
  ],
  [
    "a message whose time to live begins anew in the queue",
    "expired-delivered",
    () => {
      const story = begin();
      story.feed("orders");
      story.emit("m1", { ttlMs: 500 });
      story.add({ type: "define", queue: "orders", options: ORDERS });
      story.add({ type: "attached", consumer: "one", queue: "orders" });
      story.wait(501).add({ ...delivered, token: { life: 1, number: 1 }, sequence: 1, publishedAt: 1_400, leaseUntil: 6_501 });
      return story;
    },
  ],
  [
    "a message whose time to live begins anew as the clock is set back before the answer",
    "expired-delivered",
    () => {
      const story = fedUntilSetBack();
      story.wait(3_600_000 + 501);
      const leaseUntil = 1_400 + 501 + ORDERS.leaseMs;
      story.add({ ...delivered, consumer: "two", token: { life: 2, number: 1 }, sequence: 1, attempt: 2, leaseUntil });
      return story;
    },
  ],
]);

/** A queue gets a message that lives for 500 ms in time; then the clock is set back, and only then its emit is answered. */
function fedUntilSetBack(): RoomStory {
  const story = begin();
  story.feed("orders");
  story.add({ type: "define", queue: "orders", options: ORDERS });
  story.add({ type: "attached", consumer: "one", queue: "orders" });
  const call = 100;
  story.add({ type: "emit", call, to: [KITCHEN], except: [], id: "m1", body: "body of m1", ttlMs: 500 });
  const sequence = story.store("m1", KITCHEN, { ttlMs: 500 });
  story.wait(400).add({ ...delivered, token: { life: 1, number: 1 }, sequence: 1, leaseUntil: 1_400 + ORDERS.leaseMs });
  story.add({ type: "crash" });
  story.wait(-3_600_000).add({ type: "restart", life: 2 });
  story.add({ type: "emit-done", call, outcome: "ok", receipts: [{ sequence, duplicate: false }] });
  story.add({ type: "attached", consumer: "two", queue: "orders" });
  return story;
}

describe("the checker allows", () => {
  it("a queue that got a message in time, although the clock was set back before its emit was answered", () => {
    expect(check(fedUntilSetBack().events)).toEqual([]);
  });
});

testCaught("rooms", [
  [
    "an emit that is stored again after a restart",
    "duplicated",
    () => {
      const story = begin();
      story.emit("e1-1", { producer: { id: "e1", number: 1 } });
      story.durable().crash();
      story.emit("e1-1", { producer: { id: "e1", number: 1 } });
      return story;
    },
  ],
  [
    "a message that is gone",
    "lost",
    () => {
      const story = begin();
      story.add({ type: "emit", call: 99, to: [KITCHEN], except: [], id: "m1", body: "body of m1" });
      story.add({ type: "emit-done", call: 99, outcome: "ok", receipts: [{ sequence: 1, duplicate: false }] });
      story.scan(KITCHEN, 1, ["ann"]);
      return story;
    },
  ],
  [
    "a message that is stored in one of two rooms",
    "torn",
    () => {
      const story = begin();
      story.add({ type: "emit", call: 99, to: [KITCHEN, { room: "bar" }], except: [], id: "m1", body: "body of m1" });
      story.store("m1", KITCHEN);
      story.scan(KITCHEN, 1, ["ann"]);
      story.scan({ room: "bar" }, 1);
      return story;
    },
  ],
  [
    "what nobody emitted",
    "unexpected",
    () => {
      const story = begin();
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "what was refused",
    "phantom",
    () => {
      const story = begin();
      story.add({ type: "emit", call: 99, to: [KITCHEN], except: [], id: "m1", body: "body of m1" });
      story.add({ type: "emit-done", call: 99, outcome: "fail", code: "TOO_LARGE" });
      story.store("m1", KITCHEN);
      story.hear(PHONE, 1);
      return story;
    },
  ],
  [
    "another body",
    "altered",
    () => {
      const story = begin();
      story.emit("m1");
      story.hear(PHONE, 1, { body: "another" });
      return story;
    },
  ],
  [
    "two messages with one sequence",
    "conflict",
    () => {
      const story = begin();
      story.emit("m1");
      story.emit("m2");
      story.hear(PHONE, 1, { id: "m2", body: "body of m2" });
      return story;
    },
  ],
  [
    "what was emitted later before what was stored",
    "reordered",
    () => {
      const story = begin();
      for (const [call, id, sequence] of [
        [98, "m1", 2],
        [99, "m2", 1],
      ] as const) {
        story.add({ type: "emit", call, to: [KITCHEN], except: [], id, body: `body of ${id}` });
        story.add({ type: "emit-done", call, outcome: "ok", receipts: [{ sequence, duplicate: false }] });
      }
      return story;
    },
  ],
  [
    "counts that are not what a room has",
    "counts",
    () => {
      const story = begin();
      story.add({
        type: "room-scan",
        target: KITCHEN,
        head: 1,
        next: 1,
        messages: [],
        published: 1,
        expired: 0,
        members: [{ member: { user: "ann" }, since: 1 }],
      });
      return story;
    },
  ],
  [
    "a member who is not listed",
    "counts",
    () => {
      const story = begin();
      story.scan(KITCHEN, 1, []);
      return story;
    },
  ],
]);
