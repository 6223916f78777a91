import { expect } from "vitest";
import { Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

/** S3, S4: a join says where a device begins, and makes it lose nothing. */
export function testRoomsJoins(suite: Suite): void {
  suite.topic("rooms: joins", () => {
    suite.case("S3 S4: a join moves no device past what it did not settle, however it was not", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await Phone.attach(h, "anna", "first");
      const away = await Phone.attach(h, "anna", "away");
      const live = await Phone.attach(h, "anna", "live");
      const slow = await Phone.attach(h, "anna", "slow");
      await away.detach();
      await rooms.emit("a", 1, 2, 3);
      const heard = await live.take(3);
      expect(await live.join("a")).toBe(1);
      expect(await live.join("a", 3)).toBe(1);
      expect(live.nack(heard.slice(0, 1), 0)).toBe(1);
      expect(sequencesOf(await live.take(3))).toEqual([1, 2, 3]);
      // It was here when they were emitted, and they are on their way to it.
      expect(await slow.join("a", 3)).toBe(1);
      expect(sequencesOf(await slow.take(3))).toEqual([1, 2, 3]);
      const back = await Phone.attach(h, "anna", "away");
      expect(await back.join("a")).toBe(1);
      expect(sequencesOf(await back.take(3))).toEqual([1, 2, 3]);
    });

    suite.eachRestart(
      (way) => `S3 S4: nor does it after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await Phone.attach(h, "anna", "first");
        await Phone.attach(h, "anna", "later");
        await rooms.emit("a", 1, 2);
        await h.restart(way);
        const again = await Phone.attach(h, "anna", "later");
        expect(await again.join("a")).toBe(1);
        expect(sequencesOf(await again.take(2))).toEqual([1, 2]);
      },
    );

    suite.case(
      "S3: until a later device joined or settled something, a join may let it begin earlier, and no other one does",
      async (h) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await Phone.attach(h, "anna", "first");
        await rooms.emit("a", 1, 2);
        const [joins, settles] = [await Phone.attach(h, "anna", "joins"), await Phone.attach(h, "anna", "settles")];
        await rooms.emit("a", 3);
        expect(sequencesOf(await joins.take(1))).toEqual([3]);
        expect(await joins.join("a", 2)).toBe(2);
        expect(sequencesOf(await joins.take(2))).toEqual([2, 3]);
        expect(await joins.join("a", "earliest")).toBe(2);
        settles.ack(...(await settles.take(1)));
        expect(await settles.join("a", "earliest")).toBe(4);
      },
    );

    suite.case("S4: what was told to a device as a gap does not come after all because it joins", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await Phone.attach(h, "anna", "first");
      const later = await Phone.attach(h, "anna", "later");
      await rooms.emit("a", { body: 1, ttlMs: 1_000 });
      await h.clock.advance(1_000);
      expect(await later.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "expired" }]);
      expect(await later.join("a", "earliest")).toBe(2);
    });
  });
}
