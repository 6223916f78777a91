import { expect } from "vitest";
import { Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

/** S3: what became of an emit with each user. */
export function testRoomsLedger(suite: Suite): void {
  suite.topic("rooms: ledger", () => {
    suite.case("S3: any device of a user counts, and only users who were to get the message", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob", "carol");
      const [phone, tablet] = [await Phone.attach(h, "anna", "phone"), await Phone.attach(h, "anna", "tablet")];
      await rooms.emitTo(["a"], [{ user: "carol" }], 1, 2);
      await rooms.add("a", "dave");
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "pending", bob: "pending" });
      const heard = await phone.take(2);
      phone.ack(...heard.slice(1));
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "pending", bob: "pending" });
      expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered", bob: "pending" });
      tablet.ack(...(await tablet.take(2)));
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered", bob: "pending" });
    });

    suite.case("S3: a device that began after a message says nothing of it", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna", "phone");
      await rooms.emit("a", 1);
      const late = await Phone.attach(h, "anna", "late");
      await rooms.emit("a", 2);
      late.ack(...(await late.take(1)));
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "pending" });
      expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered" });
      phone.ack(...(await phone.take(2)));
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered" });
    });

    suite.case(
      "S3: a message is for who became a member by a join that began with it or before it, and for nobody who came later",
      async (h) => {
        const rooms = new RoomsOf(h);
        await rooms.emit("a", 1, 2);
        const [anna, bob, carol] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob"), await Phone.attach(h, "carol")];
        await anna.join("a", "earliest");
        await bob.join("a", 2);
        await carol.join("a");
        await rooms.add("a", "dave");
        anna.ack(...(await anna.take(2)));
        expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered" });
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered", bob: "pending" });
        const dave = await Phone.attach(h, "dave");
        expect(await dave.join("a", "earliest")).toBe(3);
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered", bob: "pending" });
      },
    );

    suite.case("S4: what retention removed before anybody took it has failed", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 1 } });
      await rooms.add("a", "anna", "bob");
      const anna = await Phone.attach(h, "anna");
      await rooms.emit("a", 1);
      anna.ack(...(await anna.take(1)));
      await rooms.emit("a", 2);
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered", bob: "failed" });
    });

    suite.case("S3: pages, counts of all, and the message by its id", async (h) => {
      const rooms = new RoomsOf(h);
      const users = Array.from({ length: 25 }, (_, index) => `user-${index}`);
      await rooms.add("a", ...users);
      await rooms.emit("a", "before", { id: "m1", body: "cod" }, "after");
      const user = await Phone.attach(h, "user-3");
      const heard = await user.take(3);
      user.ack(...heard);
      const seen: string[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page: Awaited<ReturnType<typeof h.engine.ledger>> = await h.engine.ledger("/", { room: "a" }, { id: "m1" }, after, 10);
        expect(page).toMatchObject({ sequence: 2, counts: { delivered: 1, pending: 24, failed: 0 } });
        expect(page.record).toBeInstanceOf(Uint8Array);
        seen.push(...page.delivered, ...page.pending);
        after = page.next;
      }
      expect(seen.sort()).toEqual([...users].sort());
      const generated = heard[2]?.id ?? "";
      expect(await h.engine.ledger("/", { room: "a" }, { id: generated }, 0, 10)).toMatchObject({ sequence: 3 });
      for (const message of [{ id: "nobody" }, { sequence: 0 }, { sequence: 4 }]) {
        await expect(h.engine.ledger("/", { room: "a" }, message, 0, 10)).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
      await expect(h.engine.ledger("/", { room: "b" }, { id: "m1" }, 0, 10)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.eachRestart(
      (way) => `S3: the ledger is the same after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna", "bob");
        await rooms.emit("a", 1);
        const anna = await Phone.attach(h, "anna");
        anna.ack(...(await anna.take(1)));
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        expect(await rooms.ledger("a", 1)).toEqual({ anna: "delivered", bob: "pending" });
      },
    );
  });
}
