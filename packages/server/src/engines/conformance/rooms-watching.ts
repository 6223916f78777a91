import { expect } from "vitest";
import type { RoomTarget } from "../../room-engine.js";
import type { CountedMessage } from "../../room-watching.js";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf, type To } from "./phone.js";
import type { Suite } from "./suite.js";

const ROOM: RoomTarget = { room: "a" };
const ALL = { from: 1, to: Number.MAX_SAFE_INTEGER };
const acceptsAll = (): boolean => true;

const watching = (h: Harness): Harness["engine"]["watching"] => h.engine.watching;

/** What was told of users so far. */
async function presenceOf(h: Harness): Promise<object[]> {
  await h.quiet();
  return h.told.roomNews.flatMap((news) => {
    if (news.kind !== "presence") return [];
    const { user, online, member } = news;
    return member === undefined ? { user, online } : { user, online, member };
  });
}

async function messagesOf(h: Harness): Promise<CountedMessage[]> {
  const { found } = await watching(h).search("/", ROOM, ALL, 10_000, acceptsAll);
  return [...found].reverse();
}

/** That the counts of each message are what the ledger says of it. */
async function expectLedgers(h: Harness, rooms: RoomsOf, to: To = "a"): Promise<void> {
  const messages = await messagesOf(h);
  const { counts } = watching(h).counts("/", ROOM, messages);
  for (const [index, { sequence }] of messages.entries()) {
    const states = Object.values(await rooms.ledger(to, sequence));
    const expected = { delivered: 0, pending: 0, failed: 0 };
    for (const state of states) expected[state]++;
    expect({ sequence, ...counts[index] }).toEqual({ sequence, ...expected });
  }
}

/** What is told of rooms to those who watch. */
export function testRoomsWatching(suite: Suite): void {
  suite.topic("rooms: watching", () => {
    suite.case("S1: of a watched room it is told who comes first, leaves last, becomes a member and ceases to be one", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      watching(h).watch("/", ROOM, "presence");
      const phone = await Phone.attach(h, "anna", "phone");
      const tablet = await Phone.attach(h, "anna", "tablet");
      await phone.detach();
      expect(await presenceOf(h)).toEqual([{ user: "anna", online: true }]);
      await tablet.detach();
      const carol = await Phone.attach(h, "carol");
      await carol.join("a");
      await rooms.remove("a", "bob");
      expect((await presenceOf(h)).slice(1)).toEqual([
        { user: "anna", online: false },
        { user: "carol", online: true },
        { user: "carol", online: true, member: true },
        { user: "bob", online: false, member: false },
      ]);
      await Phone.attach(h, "anna", "phone");
      h.told.clear();
      await Phone.attach(h, "anna", "phone");
      expect(await presenceOf(h), "a device that is replaced").toEqual([
        { user: "anna", online: false },
        { user: "anna", online: true },
      ]);
      expect(watching(h).isMember(rooms.address("a"), "anna")).toBe(true);
      expect(watching(h).isMember(rooms.address("a"), "bob")).toBe(false);
      expect(watching(h).isMember(rooms.address("b"), "anna")).toBe(false);
    });

    suite.case("S1: nothing is told of a room that is not watched, not any more, or made anew", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const anna = await Phone.attach(h, "anna");
      await rooms.emit("a", 1);
      anna.ack(...(await anna.take(1)));
      await h.quiet();
      expect(h.told.roomNews).toEqual([]);
      for (const kind of ["presence", "receipts"] as const) {
        watching(h).watch("/", ROOM, kind);
        watching(h).unwatch("/", ROOM, kind);
      }
      await rooms.emit("a", 2);
      await anna.detach();
      await h.quiet();
      expect(h.told.roomNews).toEqual([]);
      watching(h).watch("/", ROOM, "presence");
      await h.engine.removeRoom(rooms.address("a"));
      await rooms.add("a", "anna");
      await Phone.attach(h, "anna");
      await h.quiet();
      expect(h.told.roomNews).toEqual([{ kind: "removed", namespace: "/", target: ROOM }]);
      expect(() => watching(h).watch("/", { room: "b" }, "presence")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    });

    suite.case("S3: whatever changes counts is told, also out of order, of inboxes, and when a member is removed", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      await rooms.emit({ user: "anna" }, 1);
      const anna = await Phone.attach(h, "anna");
      const inbox = await anna.take(1);
      watching(h).watch("/", ROOM, "receipts");
      watching(h).watch("/", { user: "anna" }, "receipts");
      const told = async (): Promise<RoomTarget[]> => {
        await h.quiet();
        const targets = h.told.roomNews.flatMap((news) => (news.kind === "receipts" ? [news.target] : []));
        h.told.clear();
        return targets;
      };
      await rooms.emit("a", 1, 2);
      expect(await told()).toContainEqual(ROOM);
      const heard = await anna.take(2);
      anna.ack(...heard.slice(1));
      expect(await told()).toEqual([ROOM]);
      anna.ack(...inbox);
      expect(await told()).toContainEqual({ user: "anna" });
      await rooms.remove("a", "bob");
      expect(await told()).toEqual([ROOM]);
      expect(await told()).toEqual([]);
    });

    suite.case("S3: counts are those of the ledger: devices, excepted users, late members, losses, retention", async (h) => {
      const rooms = new RoomsOf(h);
      const users = Array.from({ length: 12 }, (_, index) => `user-${index}`);
      await rooms.add("a", ...users.slice(0, 10));
      const phones = await Promise.all(users.slice(0, 6).map((user) => Phone.attach(h, user, "phone")));
      const bodies = Array.from({ length: 10 }, (_, index) => index);
      await rooms.emit("a", ...bodies);
      await rooms.emitTo(["a"], [{ user: "user-1" }, { user: "user-9" }], ...bodies);
      const tablet = await Phone.attach(h, "user-0", "tablet");
      await rooms.add("a", ...users.slice(10));
      await rooms.emit("a", ...bodies, { body: 1, ttlMs: 1_000 });
      for (const [index, phone] of phones.entries()) {
        const heard = phone.pull();
        phone.ack(...heard.filter((_, at) => at % (index + 1) === 0));
        phone.nack(
          heard.filter((_, at) => at % 7 === 1),
          0,
        );
      }
      tablet.ack(...tablet.pull().slice(0, 5));
      await expectLedgers(h, rooms);
      await h.clock.advance(1_000);
      for (let round = 0; round < 5; round++) {
        const [phone] = phones;
        phone?.nack(phone.pull(), 0);
        await h.clock.advance(100);
      }
      await phones[1]?.detach();
      await expectLedgers(h, rooms);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 15 } });
      await rooms.emit("a", 1);
      await h.quiet();
      await Phone.attach(h, "user-11", "late");
      for (const phone of phones.slice(2)) phone.pull();
      await expectLedgers(h, rooms);
    });

    suite.case("S3: a room is looked through from its end, for what is asked for", async (h) => {
      const rooms = new RoomsOf(h);
      for (let n = 1; n <= 20; n++) await rooms.emit("a", { id: `m${n}`, body: n });
      const { found, looked } = await watching(h).search("/", ROOM, { from: 5, to: 16 }, 3, (_, sequence) => sequence % 2 === 0);
      expect(found.map(({ id, sequence }) => [id, sequence])).toEqual([
        ["m14", 14],
        ["m12", 12],
        ["m10", 10],
      ]);
      expect(looked).toEqual({ from: 10, to: 16 });
      const all = await watching(h).search("/", ROOM, ALL, 100, acceptsAll);
      expect([all.found.length, all.looked]).toEqual([20, { from: 1, to: 21 }]);
      expect(watching(h).endOf("/", ROOM)).toBe(21);
      expect((await watching(h).search("/", ROOM, { from: 21, to: 40 }, 100, acceptsAll)).found).toEqual([]);
    });

    suite.eachRestart(
      (way) => `S3: after ${way} nothing is watched, and the counts are the same`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna", "bob");
        await rooms.emit("a", 1, 2);
        const anna = await Phone.attach(h, "anna");
        watching(h).watch("/", ROOM, "presence");
        anna.ack(...(await anna.take(2)).slice(0, 1));
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        h.told.clear();
        await expectLedgers(h, rooms);
        const { counts } = watching(h).counts("/", ROOM, await messagesOf(h));
        expect(counts).toEqual([
          { delivered: 1, pending: 1, failed: 0 },
          { delivered: 0, pending: 2, failed: 0 },
        ]);
        await Phone.attach(h, "anna");
        expect(await presenceOf(h)).toEqual([]);
      },
    );
  });
}
