import { AGAIN, beginAlone as begin, PHONE, type RoomStory } from "../room-story.js";
import { testCaught } from "./bug.js";

/** Ann's phone got a message five times and did not settle it. */
function failed(options: ConstructorParameters<typeof RoomStory>[0] = {}): RoomStory {
  const story = begin(options);
  story.emit("m1");
  for (let delivery = 1; delivery <= 5; delivery++) {
    story.hear(PHONE, 1, { redelivered: delivery > 1 });
    story.nack(PHONE, 1);
  }
  return story;
}

testCaught("gaps", [
  [
    "a message that is given up after two deliveries",
    "false-gap",
    () => {
      const story = begin();
      story.emit("m1");
      story.hear(PHONE, 1);
      story.nack(PHONE, 1);
      story.hear(PHONE, 1, { redelivered: true });
      story.gap(PHONE, 1, 1, "attempts");
      return story;
    },
  ],
  [
    "a message that is given up in a room that blocks",
    "false-gap",
    () => {
      const story = failed({ poison: "block" });
      story.gap(PHONE, 1, 1, "attempts");
      return story;
    },
  ],
  [
    "a room that keeps all, and is said not to",
    "false-gap",
    () => {
      const story = begin();
      story.emit("m1");
      story.gap(PHONE, 1, 1, "retention");
      return story;
    },
  ],
  [
    "a message that retention has to keep",
    "false-gap",
    () => {
      const story = begin({ maxMessages: 2 });
      for (const id of ["m1", "m2", "m3"]) story.emit(id);
      story.gap(PHONE, 1, 2, "retention");
      return story;
    },
  ],
  [
    "a message whose time to live is not over",
    "false-gap",
    () => {
      const story = begin();
      story.emit("m1", { ttlMs: 1_000 });
      story.wait(999).gap(PHONE, 1, 1, "expired");
      return story;
    },
  ],
  [
    "a gap of what comes after all",
    "false-gap",
    () => {
      const story = failed();
      story.gap(PHONE, 1, 1, "attempts");
      story.hear(PHONE, 1, { redelivered: true });
      return story;
    },
  ],
  [
    "a gap of several that counts a message that was settled",
    "false-gap",
    () => {
      const story = begin();
      for (const id of ["m1", "m2", "m3"]) story.emit(id, { ttlMs: 1_000 });
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      story.hear(PHONE, 2);
      story.ack(PHONE, 2);
      story.wait(1_000).gap(PHONE, 1, 3, "expired", { count: 2 });
      return story;
    },
  ],
  [
    "a gap of several that counts one more than had expired",
    "false-gap",
    () => {
      const story = begin();
      story.emit("m1", { ttlMs: 1_000 });
      story.emit("m2");
      story.emit("m3");
      story.wait(1_000).gap(PHONE, 1, 3, "expired", { count: 2 });
      return story;
    },
  ],
  [
    "a gap of what was settled",
    "false-gap",
    () => {
      const story = begin({ maxMessages: 1 });
      for (const id of ["m1", "m2", "m3"]) story.emit(id);
      story.hear(PHONE, 1);
      story.ack(PHONE, 1);
      story.gap(PHONE, 1, 2, "retention");
      return story;
    },
  ],
  [
    "a gap that the next session is not told",
    "gap-forgotten",
    () => {
      const story = failed();
      story.gap(PHONE, 1, 1, "attempts");
      story.emit("m2");
      story.go(PHONE);
      story.come(AGAIN);
      story.hear(AGAIN, 2);
      return story;
    },
  ],
  [
    "a gap that is forgotten with a crash",
    "gap-forgotten",
    () => {
      const story = failed();
      story.gap(PHONE, 1, 1, "attempts");
      story.emit("m2");
      story.durable().crash();
      story.come(AGAIN);
      story.hear(AGAIN, 2);
      return story;
    },
  ],
  [
    "a message that retention removed before the gap that was told",
    "again",
    () => {
      const story = begin({ maxMessages: 1 });
      for (const id of ["m1", "m2", "m3"]) story.emit(id);
      for (const sequence of [1, 2]) story.hear(PHONE, sequence);
      story.ack(PHONE, 1);
      story.crash();
      story.come(AGAIN);
      story.gap(AGAIN, 2, 2, "retention");
      story.hear(AGAIN, 1, { redelivered: true });
      return story;
    },
  ],
  [
    "a window that a gap in the middle does not move",
    "window",
    () => {
      const story = failed();
      story.emit("m2");
      story.emit("m3", { ttlMs: 1_000 });
      for (let sequence = 4; sequence <= 260; sequence++) story.emit(`m${sequence}`);
      story.gap(PHONE, 1, 1, "attempts");
      story.hear(PHONE, 2);
      story.wait(1_000).gap(PHONE, 3, 3, "expired");
      for (let sequence = 4; sequence <= 258; sequence++) story.hear(PHONE, sequence);
      return story;
    },
  ],
]);
