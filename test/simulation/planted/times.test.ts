import { Story } from "../story.js";
import { type Bug, keyed, TWO, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "delay early",
    "early",
    () => {
      const story = new Story();
      story.publish("a", { delayMs: 10_000 });
      story.restart("two").wait(9_999);
      story.settle(story.deliver("a", 1, 1, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
  [
    "expired delivered",
    "expired-delivered",
    () => {
      const story = new Story();
      story.publish("a", { ttlMs: 500 });
      story.settle(story.deliver("a", 1), "nack", { delayMs: 500 });
      story.wait(501).settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "purge that misses parked messages, one of which comes",
    "purge",
    () => {
      const story = keyed();
      story.deliver("a1", 1);
      story.purge(1, 2);
      story.settle(story.deliver("a2", 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "purge that misses parked messages, one of which is stored",
    "purge",
    () => {
      const story = keyed();
      story.deliver("a1", 1);
      story.purge(1, 2);
      story.end([{ id: "a2", sequence: 2, state: "parked" }]);
      return story;
    },
  ],
  [
    "a pause that a restart forgets",
    "paused",
    () => {
      const story = new Story();
      story.publish("a");
      story.publish("b");
      story.settle(story.deliver("a", 1), "ack");
      story.pause();
      story.restart("two", "shutdown");
      story.settle(story.deliver("b", 2, 1, TWO), "ack", TWO);
      story.end();
      return story;
    },
  ],
];

testCaught("delays, times to live, purges and pauses", bugs);
