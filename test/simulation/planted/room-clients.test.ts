import { AGAIN, beginRemotely, heard, PHONE } from "../room-story.js";
import { testCaught } from "./bug.js";

testCaught("what devices say themselves", [
  [
    "a message that the device left unanswered, and that a new connection passes over",
    "skipped",
    () => {
      const story = heard(beginRemotely(), 2);
      story.tryToAck(PHONE, 2);
      story.go(PHONE);
      story.come(AGAIN, "remote");
      return story.end();
    },
  ],
  [
    "a message that comes again on the connection on which its acknowledgement surely arrived",
    "again",
    () => {
      const story = heard(beginRemotely(), 1);
      story.ack(PHONE, 1);
      story.hear(PHONE, 1, { redelivered: true });
      story.tryToAck(PHONE, 1);
      return story.end();
    },
  ],
  [
    "a cursor that was not written long after an acknowledgement surely arrived",
    "again",
    () => {
      const story = heard(beginRemotely(), 1);
      story.ack(PHONE, 1);
      story.wait(2_500).crash();
      story.come(AGAIN, "remote");
      story.hear(AGAIN, 1);
      story.tryToAck(AGAIN, 1);
      return story.end();
    },
  ],
  [
    "a message that was given up although it can not have been sent five times",
    "false-gap",
    () => {
      const story = heard(beginRemotely(), 1);
      story.go(PHONE);
      story.come(AGAIN, "remote");
      story.gap(AGAIN, 1, 1, "attempts");
      story.settleGap(AGAIN, 1, 1);
      return story.end();
    },
  ],
  [
    "more than a window of messages that the device left unanswered",
    "window",
    () => {
      const story = beginRemotely();
      for (let sequence = 1; sequence <= 257; sequence++) {
        story.emit(`m${sequence}`);
        story.hear(PHONE, sequence);
        if (sequence > 1) story.tryToAck(PHONE, sequence);
      }
      story.ack(PHONE, 1);
      return story.end();
    },
  ],
]);
