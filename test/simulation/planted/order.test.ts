import { QUEUE, Story } from "../story.js";
import { type Bug, keyed, TWO, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "successor of a key released before the settlement is on disk, as the commits tell",
    "key-overlap",
    () => {
      const story = keyed();
      story.commit(1);
      const call = story.settling(story.deliver("a1", 1), "ack");
      const token = story.deliver("a2", 2);
      story.commit(2);
      story.settled(call);
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "successor of a key released before the settlement is on disk, as a crash tells",
    "key-overlap",
    () => {
      const story = keyed();
      story.settling(story.deliver("a1", 1), "ack");
      story.settle(story.deliver("a2", 2), "ack");
      story.restart("two");
      story.settle(story.deliver("a1", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "two messages of a key in flight",
    "key-overlap",
    () => {
      const story = keyed();
      const [first, second] = [story.deliver("a1", 1), story.deliver("a2", 2)];
      story.settle(first, "ack");
      story.settle(second, "ack");
      story.end();
      return story;
    },
  ],
  [
    "two consumers of a fifo",
    "key-overlap",
    () => {
      const story = new Story({ ordering: "fifo" });
      story.publish("a");
      story.publish("b");
      story.attach("two");
      const first = story.deliver("a", 1);
      story.settle(story.deliver("b", 2, 1, TWO), "ack", TWO);
      story.settle(first, "ack");
      story.end();
      return story;
    },
  ],
  [
    "key order lost on nack",
    "overtaken",
    () => {
      const story = keyed();
      story.settle(story.deliver("a1", 1), "nack");
      story.settle(story.deliver("a2", 2), "ack");
      story.wait(1_000).settle(story.deliver("a1", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "key order lost on restart",
    "overtaken",
    () => {
      const story = keyed();
      story.deliver("a1", 1);
      story.restart("two");
      story.settle(story.deliver("a2", 2, 1, TWO), "ack", TWO);
      story.settle(story.deliver("a1", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "a message of a key before one that was never delivered",
    "overtaken",
    () => {
      const story = keyed();
      story.settle(story.deliver("a2", 2), "ack");
      story.end([{ id: "a1", sequence: 1 }]);
      return story;
    },
  ],
  [
    "a delayed message of a key that is due after another, and comes first",
    "overtaken",
    () => {
      const story = new Story({ ordering: "key" });
      story.publish("late", { key: "a", delayMs: 3_000 });
      story.publish("soon", { key: "a", delayMs: 2_000 });
      story.wait(3_000).settle(story.deliver("late", 1), "ack");
      story.settle(story.deliver("soon", 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a fifo that goes on behind an expiry",
    "overtaken",
    () => {
      const story = new Story({ ordering: "fifo" });
      story.publish("a");
      story.publish("b");
      const token = story.deliver("a", 1);
      story.wait(5_000).expire(token);
      story.settle(story.deliver("b", 2), "ack");
      story.wait(1_000).settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a fifo that goes on before a message whose time to live a redrive began anew is over",
    "overtaken",
    () => {
      const story = new Story({ ordering: "fifo" }).wait(3_600_000);
      story.settle(story.deliver("a", story.publish("a", { ttlMs: 1_000 })), "reject");
      story.restart("two", "crash", -3_600_000);
      story.redrive(1);
      const [again, b] = [story.next(), story.publish("b")];
      story.settle(story.deliver("a", again, 1, TWO), "release", TWO);
      story.wait(999).settle(story.deliver("b", b, 1, TWO), "ack", TWO);
      story.wait(1).end([], [{ id: "a", sequence: 2, reason: "expired" }]);
      return story;
    },
  ],
  [
    "a fifo that goes on before a message whose end the clock showed before it went back",
    "overtaken",
    () => {
      const story = new Story({ ordering: "fifo" }).wait(3_600_000);
      story.restart("two", "crash", -3_600_000);
      const [, b] = [story.publish("a", { ttlMs: 1_000 }), story.publish("b")];
      story.wait(999).settle(story.deliver("b", b, 1, TWO), "ack", TWO);
      story.wait(1).end([], [{ id: "a", sequence: 1, reason: "expired" }]);
      return story;
    },
  ],
  [
    "a blocked key that goes on",
    "overtaken",
    () => {
      const story = new Story({ ordering: "key", poison: "block", maxAttempts: 1 });
      story.publish("a1", { key: "a" });
      story.publish("a2", { key: "a" });
      story.settle(story.deliver("a1", 1), "nack");
      story.settle(story.deliver("a2", 2), "ack");
      story.end([{ id: "a1", sequence: 1, state: "parked", attempts: 1 }]);
      return story;
    },
  ],
  [
    "a stuck key that starves another",
    "starved",
    () => {
      const story = new Story({ ordering: "key", poison: "block", maxAttempts: 1 });
      story.publish("a1", { key: "a" });
      story.publish("b1", { key: "b" });
      story.settle(story.deliver("a1", 1), "nack");
      story.add({ type: "drained", queue: QUEUE });
      story.end([
        { id: "a1", sequence: 1, state: "parked", attempts: 1 },
        { id: "b1", sequence: 2, state: "parked" },
      ]);
      return story;
    },
  ],
];

testCaught("order", bugs);
