import { DEAD, Story } from "../story.js";
import { type Bug, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "a blocked message that is dead-lettered",
    "poison",
    () => {
      const story = new Story({ poison: "block", maxAttempts: 1 });
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack");
      story.end([], [{ id: "a", sequence: 1, reason: "attempts" }]);
      return story;
    },
  ],
  [
    "a message dead with attempts left",
    "poison",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack");
      story.end([], [{ id: "a", sequence: 1, reason: "attempts" }]);
      return story;
    },
  ],
  [
    "a rejected message that comes again",
    "poison",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "reject");
      story.settle(story.deliver("a", 1, 2), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a message out of attempts that stays",
    "poison",
    () => {
      const story = new Story({ maxAttempts: 1 });
      story.publish("a");
      story.settle(story.deliver("a", 1), "nack");
      story.end([{ id: "a", sequence: 1, attempts: 1 }]);
      return story;
    },
  ],
  [
    "dead-letter move in two commits, the first of which stores",
    "two-places",
    () => {
      const story = new Story({ maxAttempts: 1 });
      story.publish("a");
      story.settling(story.deliver("a", 1), "nack");
      story.restart("two").end([{ id: "a", sequence: 1, attempts: 1 }], [{ id: "a", sequence: 1, reason: "attempts" }]);
      return story;
    },
  ],
  [
    "dead-letter move in two commits, the first of which deletes",
    "nowhere",
    () => {
      const story = new Story({ maxAttempts: 1 });
      story.publish("a");
      story.settling(story.deliver("a", 1), "nack");
      story.restart("two").end();
      return story;
    },
  ],
  [
    "a message that is dead twice",
    "two-places",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "reject");
      story.end(
        [],
        [
          { id: "a", sequence: 1, reason: "rejected" },
          { id: "a", sequence: 2, reason: "rejected" },
        ],
      );
      return story;
    },
  ],
  [
    "redrive that leaves a copy",
    "redrive",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "reject");
      story.redrive(1);
      story.end([{ id: "a", sequence: 2 }], [{ id: "a", sequence: 1, reason: "rejected" }]);
      return story;
    },
  ],
  [
    "redrive that loses what it takes",
    "nowhere",
    () => {
      const story = new Story();
      story.publish("a");
      story.settle(story.deliver("a", 1), "reject");
      story.redrive(1);
      story.end();
      return story;
    },
  ],
  [
    "redrive out of order",
    "redrive",
    () => {
      const story = new Story();
      for (const id of ["a", "b"]) story.settle(story.deliver(id, story.publish(id)), "reject");
      story.add({
        type: "peek",
        queue: DEAD,
        messages: [
          { id: "a", sequence: 1 },
          { id: "b", sequence: 2 },
        ],
      });
      story.redrive(2);
      story.end([
        { id: "b", sequence: 3 },
        { id: "a", sequence: 4 },
      ]);
      return story;
    },
  ],
];

testCaught("poison, dead letters and redrive", bugs);
