import { Story } from "../story.js";
import { type Bug, TWO, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "an extension that does not hold",
    "early-retry",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.settle(token, "extend", { leaseMs: 60_000 });
      story.wait(5_000).expire(token);
      story.end([{ id: "a", sequence: 1, attempts: 1 }]);
      return story;
    },
  ],
  [
    "lost settlement",
    "redelivered",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "ack");
      story.restart("two");
      story.deliver("a", 1, 2, TWO);
      story.end([{ id: "a", sequence: 1, state: "in-flight", attempts: 2 }]);
      return story;
    },
  ],
  [
    "attempt not counted after a crash",
    "attempt",
    () => {
      const story = new Story();
      story.publish("a");
      story.deliver("a", 1);
      story.restart("two");
      story.settle(story.deliver("a", 1, 1, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "attempt counted at a graceful shutdown",
    "attempt",
    () => {
      const story = new Story();
      story.publish("a");
      story.restart("two", "shutdown");
      story.settle(story.deliver("a", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "attempt not counted after a nack",
    "attempt",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack", { delayMs: 0 });
      story.settle(story.deliver("a", 1, 1), "ack");
      story.end();
      return story;
    },
  ],
  [
    "attempt counted after a release",
    "attempt",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "release");
      story.settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "attempt counted after a cancel",
    "attempt",
    () => {
      const story = new Story();
      story.publish("a");
      story.deliver("a", 1);
      story.detach("one", false);
      story.attach("two");
      story.settle(story.deliver("a", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "more attempts than there may be",
    "attempt",
    () => {
      const story = new Story({ maxAttempts: 1 });
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack", { delayMs: 0 });
      story.settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a retry before the backoff is over",
    "early-retry",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack");
      story.wait(999).settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a nack's delay that a restart forgets",
    "early-retry",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack", { delayMs: 60_000 });
      story.restart("two").wait(1_000);
      story.settle(story.deliver("a", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "a backoff that a restart forgets although the expiry was on disk",
    "early-retry",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.wait(5_000).expire(token);
      story.commit(1);
      story.restart("two").wait(999);
      story.settle(story.deliver("a", 1, 2, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
];

testCaught("attempts and retries", bugs);
