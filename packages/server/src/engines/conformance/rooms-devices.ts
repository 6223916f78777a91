import { expect } from "vitest";
import { bodiesOf, Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

const LEASE_MS = 30_000;

/** S3: each device has a cursor of its own. */
export function testRoomsDevices(suite: Suite): void {
  suite.topic("rooms: devices", () => {
    suite.case("S3: what was not acknowledged comes again to the next session, what was does not", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2, 3);
      const first = await Phone.attach(h, "anna");
      const heard = await first.take(3);
      expect(heard.map(({ redelivered }) => redelivered)).toEqual([false, false, false]);
      first.ack(...heard.slice(0, 1));
      await first.detach();
      const again = await (await Phone.attach(h, "anna")).take(2);
      expect(sequencesOf(again)).toEqual([2, 3]);
      expect(again.map(({ redelivered }) => redelivered)).toEqual([true, true]);
    });

    suite.case("S3: acknowledgements above the cursor last for the session, and no longer", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2, 3);
      const first = await Phone.attach(h, "anna");
      const heard = await first.take(3);
      first.ack(...heard.slice(1, 2));
      await h.clock.advance(LEASE_MS);
      expect(sequencesOf(await first.take(2))).toEqual([1, 3]);
      await first.detach();
      expect(sequencesOf(await (await Phone.attach(h, "anna")).take(3))).toEqual([1, 2, 3]);
    });

    suite.case("S3: unanswered messages come again in order, 30 to 60 s after they came", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2);
      await phone.take(2);
      await h.clock.advance(LEASE_MS - 1);
      expect(await phone.rest()).toEqual([]);
      await rooms.emit("a", 3);
      await phone.take(1);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(2))).toEqual([1, 2]);
      expect(await phone.rest()).toEqual([]);
      await h.clock.advance(LEASE_MS - 2);
      expect(await phone.rest()).toEqual([]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(1))).toEqual([3]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(2))).toEqual([1, 2]);
    });

    suite.case("S3: a device that gets on, message by message, has 30 s for the next one, also behind one that was nacked", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2, 3, 4);
      const [one, ...others] = await phone.take(4);
      phone.nack(one === undefined ? [] : [one], 10 * LEASE_MS);
      for (const message of others.slice(0, 2)) {
        await h.clock.advance(LEASE_MS - 1);
        expect(phone.ack(message)).toBe(1);
      }
      await h.clock.advance(LEASE_MS - 1);
      expect(await phone.rest()).toEqual([]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(1))).toEqual([4]);
    });

    suite.case(
      "S3: a nacked message comes again after the delay that was asked for, and what is not answered with it, in order",
      async (h) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        const phone = await Phone.attach(h, "anna");
        await rooms.emit("a", 1, 2, 3);
        const heard = await phone.take(3);
        phone.nack(heard.slice(0, 1), 5_000);
        phone.ack(...heard.slice(1, 2));
        await h.clock.advance(4_999);
        expect(await phone.rest()).toEqual([]);
        await h.clock.advance(1);
        const again = await phone.take(2);
        expect(again).toMatchObject([
          { sequence: 1, redelivered: true },
          { sequence: 3, redelivered: true },
        ]);
        const first = again.slice(0, 1);
        phone.nack(first, 0);
        expect(sequencesOf(await phone.take(2))).toEqual([1, 3]);
        phone.nack(first);
        await h.clock.advance(399);
        expect(await phone.rest()).toEqual([]);
        await h.clock.advance(1);
        expect(sequencesOf(await phone.take(2))).toEqual([1, 3]);
        // One delivery is left to what only came along.
        phone.nack(first, 0);
        expect(sequencesOf(await phone.take(1))).toEqual([1]);
        expect(await phone.rest()).toEqual([]);
        expect(phone.ack(...heard)).toBe(2);
      },
    );

    suite.case("S3: each nack's delay is that of its message; those that are due together come in order", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2, 3, 4);
      const [one, two, three, four] = (await phone.take(4)).map((message) => [message]);
      phone.nack(four ?? [], 0);
      phone.nack(one ?? [], 5_000);
      phone.nack(three ?? [], 0);
      phone.nack(two ?? [], 1_000);
      await rooms.emit("a", 5);
      expect(sequencesOf(await phone.take(3))).toEqual([3, 4, 5]);
      await h.clock.advance(999);
      expect(await phone.rest()).toEqual([]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(4))).toEqual([2, 3, 4, 5]);
      await h.clock.advance(3_999);
      expect(await phone.rest()).toEqual([]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(5))).toEqual([1, 2, 3, 4, 5]);
    });

    suite.case("S3: messages that were nacked with one delay come again together, in order", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2, 3);
      phone.nack((await phone.take(3)).reverse(), 1_000);
      await h.clock.advance(1_000);
      expect(sequencesOf(await phone.take(3))).toEqual([1, 2, 3]);
    });

    suite.case("S3: what is acknowledged after it was nacked, or after it came again, is settled", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2);
      const [one, two] = await phone.take(2);
      if (one === undefined || two === undefined) throw new Error("two messages are expected");
      phone.nack([one], 5_000);
      expect(phone.nack([one], 0)).toBe(0);
      expect(phone.ack(one)).toBe(1);
      await h.clock.advance(LEASE_MS);
      expect(sequencesOf(await phone.take(1))).toEqual([2]);
      expect(phone.ack(two)).toBe(1);
      await h.clock.advance(2 * LEASE_MS);
      expect(await phone.rest()).toEqual([]);
    });

    suite.eachRestart(
      (way) => `S4: where a join let a device begin it begins after ${way}, too`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await Phone.attach(h, "anna", "first");
        await rooms.emit("a", 1, 2);
        const later = await Phone.attach(h, "anna", "later");
        expect(await later.join("a", "earliest")).toBe(1);
        await h.restart(way);
        const again = await Phone.attach(h, "anna", "later");
        expect(sequencesOf(await again.take(2))).toEqual([1, 2]);
      },
    );

    suite.case("S3: a nack's delay is kept also when it is longer than the lease, and holds nothing else up", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2);
      phone.nack((await phone.take(2)).slice(0, 1), 2 * LEASE_MS + 1);
      await h.clock.advance(LEASE_MS);
      expect(sequencesOf(await phone.take(1))).toEqual([2]);
      await rooms.emit("a", 3);
      expect(sequencesOf(await phone.take(1))).toEqual([3]);
      await h.clock.advance(LEASE_MS);
      expect(sequencesOf(await phone.take(2))).toEqual([2, 3]);
      await h.clock.advance(1);
      expect(sequencesOf(await phone.take(3))).toEqual([1, 2, 3]);
    });

    suite.case("S3: devices of a user go on by themselves; a later one begins with what comes, or where it is asked to", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2);
      const phone = await Phone.attach(h, "anna", "phone");
      phone.ack(...(await phone.take(2)));
      const tablet = await Phone.attach(h, "anna", "tablet");
      const watch = await Phone.attach(h, "anna", "watch");
      expect(await tablet.rest()).toEqual([]);
      expect(await watch.join("a", "earliest")).toBe(1);
      expect(sequencesOf(await watch.take(2))).toEqual([1, 2]);
      expect(await watch.join("a", 2)).toBe(1);
      const desk = await Phone.attach(h, "anna", "desk");
      expect(await desk.join("a", 2)).toBe(2);
      await rooms.emit("a", 3);
      expect(sequencesOf(await phone.take(1))).toEqual([3]);
      expect(sequencesOf(await tablet.take(1))).toEqual([3]);
      expect(sequencesOf(await watch.take(1))).toEqual([3]);
      expect(sequencesOf(await desk.take(2))).toEqual([2, 3]);
      expect(await phone.join("a", "earliest")).toBe(3);
    });

    suite.case("S3: who joins becomes a member and begins with what comes, with the oldest, or at a sequence", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.emit("a", 1, 2, 3);
      const [anna, bob, carol] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob"), await Phone.attach(h, "carol")];
      expect(await anna.join("a")).toBe(4);
      expect(await bob.join("a", "earliest")).toBe(1);
      expect(await carol.join("a", 3)).toBe(3);
      await rooms.emit("a", 4);
      expect(sequencesOf(await anna.take(1))).toEqual([4]);
      expect(sequencesOf(await bob.take(4))).toEqual([1, 2, 3, 4]);
      expect(sequencesOf(await carol.take(2))).toEqual([3, 4]);
      const { items } = await h.engine.members(rooms.address("a"), 0, 10);
      expect(items.map(({ member, since, online }) => [member.user, since, online])).toEqual([
        ["anna", 4, 1],
        ["bob", 1, 1],
        ["carol", 3, 1],
      ]);
    });

    suite.case("S3: a second session of a device replaces the first, whose settlements change nothing any more", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1);
      const old = await Phone.attach(h, "anna");
      const heard = await old.take(1);
      const fresh = await Phone.attach(h, "anna");
      expect(fresh.session).not.toBe(old.session);
      await h.until("the end of the first", () => h.told.sessionsEnded.length === 1);
      expect(h.told.sessionsEnded).toEqual([{ session: old.session, reason: "replaced" }]);
      expect(old.ack(...heard)).toBe(0);
      expect(old.pull()).toEqual([]);
      expect(fresh.ack(...(await fresh.take(1)))).toBe(1);
      expect(h.engine.sessionsOf("/", "anna")).toEqual([{ session: fresh.session, device: "default" }]);
      await fresh.detach();
      expect(h.engine.sessionsOf("/", "anna")).toEqual([]);
    });

    suite.case("S3: what was never given to a session cannot be acknowledged by it", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1);
      const [one] = await phone.take(1);
      await rooms.emit("a", 2);
      const room = one?.room ?? 0;
      expect(h.engine.settleRoom(phone.session, room, [{ first: 1, count: 100, verb: "ack" }])).toBe(1);
      expect(h.engine.settleRoom(phone.session, room + 1, [{ first: 1, count: 1, verb: "ack" }])).toBe(0);
      expect(sequencesOf(await phone.take(1))).toEqual([2]);
    });

    suite.eachRestart(
      (way) => `S3: a cursor is where it was after ${way}, 100 ms after the last acknowledgement`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await rooms.emit("a", 1, 2, 3);
        const phone = await Phone.attach(h, "anna");
        const heard = await phone.take(3);
        phone.ack(...heard.slice(0, 2));
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        expect(h.engine.sessionsOf("/", "anna")).toEqual([]);
        const again = await Phone.attach(h, "anna");
        // What is late from the other life settles nothing.
        expect(again.session).not.toBe(phone.session);
        expect(phone.ack(...heard)).toBe(0);
        expect(bodiesOf(await again.take(1))).toEqual([3]);
        expect(await (await Phone.attach(h, "anna", "other")).rest()).toEqual([]);
      },
    );
  });
}
