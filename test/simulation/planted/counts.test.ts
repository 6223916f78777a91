import { Story } from "../story.js";
import { type Bug, testCaught } from "./bug.js";

const bugs: Bug[] = [
  ["counts that do not add up", { published: 2, acked: 2, ready: 0 }],
  ["counts that are not the scan's", { published: 3, acked: 1, ready: 2 }],
  ["counts of the wrong state", { published: 2, acked: 1, ready: 0, delayed: 1 }],
  ["counts that drift together: acked and published", { published: 3, acked: 2 }],
  ["counts that drift apart: dead for acked", { published: 2, acked: 0, dead: 1 }],
  ["counts that drift apart: purged for acked", { published: 2, acked: 0, purged: 1 }],
  ["counts that drift together: redriven and expired", { published: 2, acked: 1, redriven: 1, expired: 1 }],
].map(
  ([bug, counts]): Bug => [
    String(bug),
    "counts",
    () => {
      const story = new Story();
      story.settle(story.deliver("a", story.publish("a")), "ack");
      story.end([{ id: "b", sequence: story.publish("b") }], [], Object(counts));
      return story;
    },
  ],
);

testCaught("counts", bugs);
