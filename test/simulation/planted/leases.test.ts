import { Story } from "../story.js";
import { type Bug, TWO, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "two leases at once",
    "overlapped",
    () => {
      const story = new Story();
      story.publish("a");
      story.deliver("a", 1);
      story.deliver("a", 1, 2);
      story.end([{ id: "a", sequence: 1, state: "in-flight", attempts: 2 }]);
      return story;
    },
  ],
  [
    "two leases at once, after the clock went back between two lives",
    "overlapped",
    () => {
      const story = new Story();
      story.publish("a");
      story.wait(100_000).restart("two").wait(-90_000);
      story.add({ type: "clock-jump", byMs: -90_000 });
      story.deliver("a", 1, 1, TWO);
      story.deliver("a", 1, 2, TWO);
      story.end([{ id: "a", sequence: 1, state: "in-flight", attempts: 2 }]);
      return story;
    },
  ],
  [
    "a newer lease with an older token",
    "overlapped",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1, 1, { token: { life: 1, number: 9 } }), "release");
      story.settle(story.deliver("a", 1, 1, { token: { life: 1, number: 8 } }), "ack");
      story.end();
      return story;
    },
  ],
  [
    "tokens that start anew in each life",
    "repeated-token",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.restart("two");
      story.settle(story.deliver("a", 1, 2, { ...TWO, token }), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "stale token accepted",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.wait(5_000).expire(token);
      story.wait(1_000).deliver("a", 1, 2);
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "a token that ran out accepted",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.wait(5_000).expire(token);
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "token of an earlier life accepted",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.restart("two");
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "one token settled twice",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.settle(token, "ack");
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "a foreign consumer's token accepted",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      story.attach("two");
      story.settle(story.deliver("a", 1), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "a token that a purge made stale accepted",
    "stale-accepted",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.purge(1, 1);
      story.settle(token, "ack");
      story.end();
      return story;
    },
  ],
  [
    "a later token of a fifo accepted after a nack before it",
    "stale-accepted",
    () => {
      const story = new Story({ ordering: "fifo" });
      story.publish("a");
      story.publish("b");
      const [first, second] = [story.deliver("a", 1), story.deliver("b", 2)];
      story.settle(first, "nack", { delayMs: 0 });
      story.settle(second, "ack");
      story.end([{ id: "a", sequence: 1, attempts: 1 }]);
      return story;
    },
  ],
  [
    "an open lease called stale",
    "stale-refused",
    () => {
      const story = new Story();
      story.publish("a");
      const token = story.deliver("a", 1);
      story.wait(4_999).stale(token, "ack");
      story.end([{ id: "a", sequence: 1, state: "in-flight", attempts: 1 }]);
      return story;
    },
  ],
];

testCaught("leases and their tokens", bugs);
