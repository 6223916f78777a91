import { DEAD, Story } from "../story.js";
import { type Bug, testCaught } from "./bug.js";

const bugs: Bug[] = [
  [
    "receipt before sync",
    "lost",
    () => {
      const story = new Story();
      story.publish("a");
      story.restart("two").end();
      return story;
    },
  ],
  [
    "a message that vanishes between two deliveries",
    "lost",
    () => {
      const story = new Story();
      story.settle(story.deliver("a", story.publish("a")), "nack");
      story.end();
      return story;
    },
  ],
  [
    "a message above a purge that the purge takes",
    "lost",
    () => {
      const story = new Story();
      story.publish("a");
      story.publish("b");
      story.purge(2, 1);
      story.end();
      return story;
    },
  ],
  [
    "a message out of nothing",
    "unexpected",
    () => {
      const story = new Story();
      story.settle(story.deliver("ghost", 1), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a refused publish that is stored",
    "phantom",
    () => {
      const story = new Story();
      story.refuse(story.send("a"), "TOO_LARGE");
      story.end([{ id: "a", sequence: 1 }]);
      return story;
    },
  ],
  [
    "a conflicting body that takes the first one's place",
    "phantom",
    () => {
      const story = new Story();
      story.publish("a");
      story.refuse(story.send("a", { body: "another" }), "ID_CONFLICT");
      story.settle(story.deliver("a", 1, 1, { body: "another" }), "ack");
      story.end();
      return story;
    },
  ],
  [
    "dedup forgotten at restart",
    "duplicated",
    () => {
      const story = new Story();
      story.publish("a");
      story.restart("two");
      story.publish("a");
      story.end([
        { id: "a", sequence: 1 },
        { id: "a", sequence: 2 },
      ]);
      return story;
    },
  ],
  [
    "a resend stored anew after its first ack, the first receipt being lost",
    "duplicated",
    () => {
      const story = new Story();
      story.send("a");
      story.settle(story.deliver("a", story.next()), "ack");
      story.settle(story.deliver("a", story.publish("a")), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a refused producer number that makes the next look like a duplicate",
    "conflict",
    () => {
      const story = new Story();
      story.publish("p/1", { producer: { id: "p", number: 1 } });
      story.refuse(story.send("p/2", { producer: { id: "p", number: 2 } }), "TOO_LARGE");
      story.receipt(story.send("p/3", { producer: { id: "p", number: 3 } }), "p/3", 1, true);
      story.end([{ id: "p/1", sequence: 1 }]);
      return story;
    },
  ],
  [
    "another body for a known id is called a duplicate",
    "conflict",
    () => {
      const story = new Story();
      story.publish("a");
      story.receipt(story.send("a", { body: "another" }), "a", 1, true);
      story.end([{ id: "a", sequence: 1 }]);
      return story;
    },
  ],
  [
    "a conflict with nothing",
    "conflict",
    () => {
      const story = new Story();
      story.refuse(story.send("a"), "ID_CONFLICT");
      story.end();
      return story;
    },
  ],
  [
    "a duplicate that gets another receipt than the first",
    "conflict",
    () => {
      const story = new Story();
      story.publish("a");
      story.receipt(story.send("a"), "a", 7, true);
      story.end([{ id: "a", sequence: 1 }]);
      return story;
    },
  ],
  [
    "one sequence for two messages",
    "conflict",
    () => {
      const story = new Story();
      story.publish("a");
      story.send("b");
      story.settle(story.deliver("a", 1), "ack");
      story.settle(story.deliver("b", 1), "ack");
      story.end();
      return story;
    },
  ],
  ...(["later", "channel", "producer"] as const).map(
    (how): Bug => [
      `publishes stored in another order than sent (${how})`,
      "reordered",
      () => {
        const story = new Story();
        const fields = (number: number): object => {
          if (how === "later") return {};
          return how === "channel" ? { channel: "c" } : { producer: { id: "p", number } };
        };
        const [a, b] = how === "later" ? [] : [story.send("a", fields(1)), story.send("b", fields(2))];
        story.receipt(a ?? story.send("a"), "a", 2);
        story.receipt(b ?? story.send("b"), "b", 1);
        story.end([
          { id: "b", sequence: 1 },
          { id: "a", sequence: 2 },
        ]);
        return story;
      },
    ],
  ),
  [
    "a body that changes on its way",
    "altered",
    () => {
      const story = new Story();
      story.settle(story.deliver("a", story.publish("a"), 1, { body: "something" }), "ack");
      story.end();
      return story;
    },
  ],
  [
    "a key that changes on the way to the dead letters",
    "altered",
    () => {
      const story = new Story();
      story.settle(story.deliver("a", story.publish("a", { key: "k" })), "reject");
      story.attach("reader", DEAD);
      story.deliver("a", 1, 1, { queue: DEAD, consumer: "reader", key: "another" });
      story.end([], [{ id: "a", sequence: 1, state: "in-flight", attempts: 1 }]);
      return story;
    },
  ],
  [
    "a batch stored in part",
    "torn",
    () => {
      const story = new Story();
      for (const id of ["a", "b"]) story.send(id, { batch: 1 });
      story.restart("two").end([{ id: "a", sequence: 1 }]);
      return story;
    },
  ],
];

testCaught("publishing", bugs);
