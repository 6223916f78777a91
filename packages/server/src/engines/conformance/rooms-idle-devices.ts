import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

const DAY_MS = 86_400_000;
const DEVICES_MAX = 64;

/** Lets days go by, as they do for devices: looked at now and then. */
async function pass(h: Harness, days: number): Promise<void> {
  await h.clock.advance(days * DAY_MS);
  await h.quiet();
}

/** A room that keeps everything, with a member. */
async function roomOf(h: Harness, user: string): Promise<RoomsOf> {
  const rooms = new RoomsOf(h);
  await h.engine.defineRoom(rooms.address("a"), { retention: { maxAgeMs: 0 } });
  await rooms.add("a", user);
  return rooms;
}

/** S3: which devices are remembered, however long they are away. */
export function testRoomsIdleDevices(suite: Suite): void {
  suite.topic("rooms: devices that were not here for long", () => {
    suite.case("S3: one is forgotten when another one of the user was here 30 days later, one that was here since is not", async (h) => {
      const rooms = await roomOf(h, "anna");
      const phone = await Phone.attach(h, "anna", "phone");
      const old = await Phone.attach(h, "anna", "old");
      await old.detach();
      await pass(h, 31);
      const { items } = await h.engine.members(rooms.address("a"), 0, 10);
      expect(items).toMatchObject([{ devices: 1, online: 1 }]);
      await rooms.emit("a", 1);
      expect(sequencesOf(await phone.take(1))).toEqual([1]);
    });

    suite.case("S3 S4: while a user is away nothing of its devices is forgotten: each goes on where it was", async (h) => {
      const rooms = await roomOf(h, "anna");
      await rooms.emit("a", 1, 2);
      const phone = await Phone.attach(h, "anna", "phone");
      const tablet = await Phone.attach(h, "anna", "tablet");
      await rooms.emit("a", 3);
      phone.ack(...(await phone.take(3)));
      await tablet.take(1);
      await tablet.detach();
      await pass(h, 1);
      await phone.detach();
      await pass(h, 31);
      await rooms.emit("a", 4);
      expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered" });
      expect(sequencesOf(await (await Phone.attach(h, "anna", "phone")).take(1))).toEqual([4]);
      expect(sequencesOf(await (await Phone.attach(h, "anna", "tablet")).take(2))).toEqual([3, 4]);
    });

    suite.eachRestart(
      (way) => `S3: nor is it by ${way} 31 days later`,
      async (h, way) => {
        const rooms = await roomOf(h, "anna");
        await rooms.emit("a", 1, 2);
        const phone = await Phone.attach(h, "anna");
        phone.ack(...(await phone.take(2)));
        await phone.detach();
        await pass(h, 31);
        await h.restart(way);
        await rooms.emit("a", 3);
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "delivered" });
        expect(sequencesOf(await (await Phone.attach(h, "anna")).take(1))).toEqual([3]);
      },
    );

    suite.case("S3: what a device took stays delivered when it is forgotten, and what it alone was to get has failed", async (h) => {
      const rooms = await roomOf(h, "anna");
      await rooms.emit("a", 1, 2, 3);
      const old = await Phone.attach(h, "anna", "old");
      old.ack(...(await old.take(3)).slice(0, 2));
      await old.detach();
      const phone = await Phone.attach(h, "anna", "phone");
      await rooms.emit("a", 4);
      phone.ack(...(await phone.take(1)));
      await pass(h, 31);
      expect(await h.engine.members(rooms.address("a"), 0, 10)).toMatchObject({ items: [{ devices: 1 }] });
      const states = await Promise.all([1, 2, 3, 4].map((sequence) => rooms.ledger("a", sequence)));
      expect(states.map(({ anna }) => anna)).toEqual(["delivered", "delivered", "failed", "delivered"]);
      const again = await Phone.attach(h, "anna", "old");
      expect(await again.rest()).toEqual([]);
      expect(await again.join("a", "earliest")).toBe(1);
    });

    suite.case(
      "S3: with as many as may be, those that were not here for 30 days make place for another, but for the last one",
      async (h) => {
        const rooms = await roomOf(h, "anna");
        for (let device = 1; device <= DEVICES_MAX; device++) {
          const phone = await Phone.attach(h, "anna", `device-${device}`);
          await h.clock.advance(1_000);
          await phone.detach();
        }
        await rooms.emit("a", 1);
        await pass(h, 29);
        await expect(Phone.attach(h, "anna", "another")).rejects.toMatchObject({ code: "TOO_LARGE" });
        await pass(h, 2);
        await Phone.attach(h, "anna", "another");
        expect(await h.engine.members(rooms.address("a"), 0, 10)).toMatchObject({ items: [{ devices: 2 }] });
        expect(sequencesOf(await (await Phone.attach(h, "anna", `device-${DEVICES_MAX}`)).take(1))).toEqual([1]);
      },
    );
  });
}
