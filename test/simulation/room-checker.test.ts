import { describe, expect, it } from "vitest";
import { check } from "./checker.js";
import { AGAIN, BAR, begin, beginRemotely, KITCHEN, PHONE, type RoomStory, settleInJoin, settleInUnansweredJoin } from "./room-story.js";

const expectGood = (story: RoomStory): void => expect(check(story.events)).toEqual([]);

describe("the checker finds nothing wrong with", () => {
  it("a device that is told a gap again after a join took it to messages before that gap", () => {
    const story = begin();
    story.emit("m1");
    story.emit("m2", { ttlMs: 1_000 });
    story.emit("m3");
    story.join(PHONE, 2, 2);
    story.hear(PHONE, 2);
    story.hear(PHONE, 3);
    story.durable().crash();
    story.come(AGAIN);
    story.gap(AGAIN, 2, 2, "expired");
    story.hear(AGAIN, 3, { redelivered: true });
    story.join(AGAIN, "earliest", 1);
    story.go(AGAIN, "replaced");
    const third = "ann phone 3";
    story.come(third);
    story.gap(third, 2, 2, "expired");
    for (const sequence of [1, 3]) story.hear(third, sequence);
    story.nack(third, 1);
    story.wait(100).hear(third, 1, { redelivered: true });
    for (const sequence of [1, 3]) story.ack(third, sequence);
    story.settleGap(third, 2, 2);
    expectGood(story.end());
  });

  it("a room that is removed with what nobody settled, and a member's other rooms", () => {
    const story = begin();
    story.member("member-add", "ann", "bar");
    story.emit("m1");
    story.emit("m2");
    story.emit("m3", { to: [BAR] });
    story.hear(PHONE, 1);
    story.removeRoom();
    story.ack(PHONE, 1, 1, KITCHEN, 0);
    story.hear(PHONE, 1, { target: BAR });
    story.ack(PHONE, 1, 1, BAR);
    story.add({ type: "rooms-drained" });
    story.scan(BAR, 1, ["ann"]);
    expectGood(story);
  });

  it("a window that begins after what retention removed, whether or not acknowledgements before it survived a crash", () => {
    const story = begin({ maxMessages: 300 });
    for (let sequence = 1; sequence <= 20; sequence++) {
      story.emit(`m${sequence}`);
      story.hear(PHONE, sequence);
    }
    story.ack(PHONE, 1, 10);
    story.crash();
    for (let sequence = 21; sequence <= 330; sequence++) story.emit(`m${sequence}`);
    story.come(AGAIN);
    story.gap(AGAIN, 11, 30, "retention");
    for (let sequence = 31; sequence <= 286; sequence++) story.hear(AGAIN, sequence);
    story.ack(AGAIN, 31, 256);
    for (let sequence = 287; sequence <= 330; sequence++) story.hear(AGAIN, sequence);
    story.ack(AGAIN, 287, 44);
    story.settleGap(AGAIN, 11, 30);
    expectGood(story.end(31));
  });

  it("a window that begins after what was settled while a join was under way", () => {
    const story = begin();
    for (let sequence = 1; sequence <= 259; sequence++) story.emit(`m${sequence}`);
    settleInJoin(story, 1, 3);
    for (let sequence = 4; sequence <= 259; sequence++) story.hear(PHONE, sequence);
    story.ack(PHONE, 4, 256);
    expectGood(story.end());
  });

  it("a window that begins after what was settled while a join was under way that a crash left without an answer", () => {
    const story = begin();
    for (let sequence = 1; sequence <= 259; sequence++) story.emit(`m${sequence}`);
    settleInUnansweredJoin(story);
    for (let sequence = 4; sequence <= 259; sequence++) story.hear(AGAIN, sequence);
    story.ack(AGAIN, 4, 256);
    expectGood(story.end());
  });

  it("a join without an answer that a crash undid, with what was settled while it was under way", () => {
    const story = begin();
    for (const sequence of [1, 2, 3, 4]) story.emit(`m${sequence}`);
    story.hear(PHONE, 3);
    story.durable();
    story.add({ type: "join", call: 1_000, session: PHONE, room: "kitchen", from: 1 });
    story.hear(PHONE, 1);
    story.ack(PHONE, 1);
    for (const sequence of [2, 3]) story.hear(PHONE, sequence);
    story.crash();
    story.come(AGAIN);
    for (const sequence of [3, 4]) story.hear(AGAIN, sequence);
    story.ack(AGAIN, 3, 2);
    expectGood(story.end());
  });

  it("a client that did not hear all that it was sent, and whose acknowledgements were lost", () => {
    const story = beginRemotely();
    for (const sequence of [1, 2, 3]) story.emit(`m${sequence}`);
    story.hear(PHONE, 1);
    story.tryToAck(PHONE, 1);
    story.go(PHONE);
    story.come(AGAIN, "remote");
    story.hear(AGAIN, 1, { redelivered: true });
    story.hear(AGAIN, 2, { redelivered: true });
    for (const sequence of [1, 2]) story.tryToAck(AGAIN, sequence);
    for (let number = 3; number <= 5; number++) story.come(`ann phone ${number}`, "remote");
    story.gap("ann phone 5", 3, 3, "attempts");
    story.settleGap("ann phone 5", 3, 3);
    expectGood(story.end());
  });

  it("a message that comes again while its acknowledgement is on its way, and is then left alone", () => {
    const story = beginRemotely();
    story.emit("m1");
    story.hear(PHONE, 1);
    story.tryToAck(PHONE, 1);
    story.hear(PHONE, 1, { redelivered: true });
    story.go(PHONE);
    story.come(AGAIN, "remote");
    expectGood(story.end());
  });

  it("a client that acknowledged more than a window of messages, and was not told that it arrived", () => {
    const story = beginRemotely();
    for (let sequence = 1; sequence <= 300; sequence++) {
      story.emit(`m${sequence}`);
      story.hear(PHONE, sequence);
      story.tryToAck(PHONE, sequence);
    }
    expectGood(story.end());
  });

  it("a client that was told a gap before a crash, and has a window that begins behind it", () => {
    const story = beginRemotely();
    for (let sequence = 1; sequence <= 258; sequence++) story.emit(`m${sequence}`);
    story.hear(PHONE, 1);
    for (let number = 2; number <= 5; number++) story.come(`ann phone ${number}`, "remote");
    story.gap("ann phone 5", 1, 1, "attempts");
    story.settleGap("ann phone 5", 1, 1);
    story.crash();
    story.come("ann phone 6", "remote");
    for (let sequence = 2; sequence <= 258; sequence++) {
      story.hear("ann phone 6", sequence);
      story.tryToAck("ann phone 6", sequence);
    }
    expectGood(story.end());
  });

  it("a client to which a message comes again that it acknowledged just before the server was killed", () => {
    const story = beginRemotely();
    story.emit("m1");
    story.hear(PHONE, 1);
    story.ack(PHONE, 1);
    story.crash();
    story.come(AGAIN, "remote");
    story.hear(AGAIN, 1);
    story.ack(AGAIN, 1);
    expectGood(story.end());
  });
});
