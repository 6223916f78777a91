import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

const DAY_MS = 86_400_000;

const statsOf = (h: Harness, room: string): Promise<object> => h.engine.roomStats({ namespace: "/", room });

/** S4: what a room keeps, whoever got it or not. */
export function testRoomsRetention(suite: Suite): void {
  suite.topic("rooms: retention", () => {
    suite.case("S4: by default messages stay for 7 days", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2);
      await h.clock.advance(6 * DAY_MS);
      await rooms.emit("a", 3);
      await h.clock.advance(DAY_MS);
      await h.quiet();
      expect(await statsOf(h, "a")).toMatchObject({ messages: 1, head: 3, next: 4, expired: 2, published: 3, oldestAgeMs: DAY_MS });
      const phone = await Phone.attach(h, "anna");
      expect(sequencesOf(await phone.take(1))).toEqual([3]);
      expect(phone.gaps).toMatchObject([{ from: 1, to: 2, reason: "retention" }]);
      await h.clock.advance(6 * DAY_MS);
      await h.quiet();
      expect(await statsOf(h, "a")).toMatchObject({ messages: 0, bytes: 0, head: 4, oldestAgeMs: 0 });
    });

    suite.case("S4: at most maxMessages stay, to the message, also within one commit", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 3 } });
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2, 3, 4, 5);
      expect(await statsOf(h, "a")).toMatchObject({ messages: 3, head: 3 });
      for (let body = 6; body <= 20; body++) await rooms.emit("a", body);
      expect(await statsOf(h, "a")).toMatchObject({ messages: 3, head: 18, expired: 17 });
      const phone = await Phone.attach(h, "anna");
      expect(sequencesOf(await phone.take(3))).toEqual([18, 19, 20]);
      expect(phone.gaps).toMatchObject([{ from: 1, to: 17, reason: "retention" }]);
    });

    suite.case("S4: at most maxBytes stay, but always the newest message", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxBytes: 3_500 } });
      for (let index = 0; index < 5; index++) await rooms.emit("a", "x".repeat(1_000), "y".repeat(1_000));
      expect(await statsOf(h, "a")).toMatchObject({ messages: 3, head: 8 });
      await rooms.emit("a", "z".repeat(10_000));
      expect(await statsOf(h, "a")).toMatchObject({ messages: 1, head: 11 });
    });

    suite.case("S4: retention that is lowered applies at once, one that is raised keeps more", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.emit("a", 1, 2, 3, 4, 5);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 2 } });
      expect(await statsOf(h, "a")).toMatchObject({ messages: 2 });
      expect(h.engine.roomOptions(rooms.address("a"))).toEqual({
        retention: { maxAgeMs: 7 * DAY_MS, maxMessages: 2, maxBytes: 0 },
        poison: "dead-letter",
      });
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 0, maxAgeMs: DAY_MS } });
      await rooms.emit("a", 6);
      expect(await statsOf(h, "a")).toMatchObject({ messages: 3 });
      await h.clock.advance(DAY_MS);
      await h.quiet();
      expect(await statsOf(h, "a")).toMatchObject({ messages: 0 });
    });

    suite.case("S4: a live device that was sent a message may still acknowledge it when retention removed it", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 1 } });
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1);
      const [one] = await phone.take(1);
      await rooms.emit("a", 2);
      await rooms.emit("a", 3);
      expect(await phone.rest()).toEqual([]);
      expect(phone.ack(...(one === undefined ? [] : [one]))).toBe(1);
      expect(sequencesOf(await phone.take(1))).toEqual([3]);
      expect(phone.gaps).toMatchObject([{ from: 2, to: 2, reason: "retention" }]);
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered" });
    });

    suite.eachRestart(
      (way) => `S4: retention goes on after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 4, maxAgeMs: DAY_MS } });
        await rooms.emit("a", 1, 2, 3);
        await rooms.emit("a", 4, 5, 6);
        await h.restart(way);
        expect(await statsOf(h, "a")).toMatchObject({ messages: 4, head: 3, expired: 2, published: 6 });
        await rooms.emit("a", 7);
        expect(await statsOf(h, "a")).toMatchObject({ messages: 4, head: 4 });
        await h.clock.advance(DAY_MS);
        await h.quiet();
        expect(await statsOf(h, "a")).toMatchObject({ messages: 0, bytes: 0 });
        expect(await rooms.emit("a", 8)).toEqual([{ sequence: 8, duplicate: false }]);
      },
    );
  });
}
