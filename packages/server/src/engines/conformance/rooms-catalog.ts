import { expect } from "vitest";
import { servesAgain } from "./failures.js";
import { Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

/** Which rooms there are, and what is left of one that is gone. */
export function testRoomsCatalog(suite: Suite): void {
  suite.topic("rooms: catalog", () => {
    suite.case("C1: rooms are listed in order and page by page, each namespace has its own", async (h) => {
      const rooms = new RoomsOf(h);
      for (const room of ["c", "a", "b"]) await h.engine.defineRoom(rooms.address(room), {});
      await h.engine.defineRoom({ namespace: "/other", room: "d" }, {});
      expect(await h.engine.listRooms("/", undefined, 2)).toEqual({ items: ["a", "b"], next: "b" });
      expect(await h.engine.listRooms("/", "b", 2)).toEqual({ items: ["c"] });
      expect(await h.engine.listRooms("/other", undefined, 2)).toEqual({ items: ["d"] });
      expect(h.engine.roomOptions(rooms.address("d"))).toBeUndefined();
      await expect(h.engine.roomStats(rooms.address("d"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.eachRestart(
      (way) => `S1: the rooms that a user is in are listed, without the inbox, also after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        for (const room of ["c", "a", "b", "d"]) await rooms.add(room, room === "d" ? "bob" : "anna");
        await rooms.emit({ user: "anna" }, 1);
        await rooms.remove("b", "anna");
        const roomsOf = (user: string, after?: string, limit = 10): Promise<unknown> => h.engine.roomsOf("/", user, after, limit);
        await h.restart(way);
        expect(await roomsOf("anna", undefined, 1)).toEqual({ items: ["a"], next: "a" });
        expect(await roomsOf("anna", "a")).toEqual({ items: ["c"] });
        expect(await roomsOf("eve")).toEqual({ items: [] });
        await h.engine.removeRoom(rooms.address("a"));
        expect(await roomsOf("anna")).toEqual({ items: ["c"] });
      },
    );

    suite.case("C1: a room and a queue of one name have nothing to do with each other", async (h) => {
      const rooms = new RoomsOf(h);
      await h.define("a");
      await rooms.emit("a", 1);
      await h.publish("a", 2);
      await h.engine.removeRoom(rooms.address("a"));
      expect(await h.stats("a")).toMatchObject({ ready: 1 });
    });

    suite.case("C1: stats count messages, members and devices", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      await Phone.attach(h, "anna", "phone");
      const tablet = await Phone.attach(h, "anna", "tablet");
      await tablet.detach();
      await rooms.emit("a", 1, 2);
      await h.clock.advance(5);
      const stats = await h.engine.roomStats(rooms.address("a"));
      expect(stats).toMatchObject({
        messages: 2,
        published: 2,
        expired: 0,
        members: 2,
        devices: 2,
        online: 1,
        head: 1,
        next: 3,
        oldestAgeMs: 5,
      });
      expect(stats.bytes).toBeGreaterThan(0);
    });

    suite.case("S1: a removed room has nobody and nothing when it is made again", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", { id: "m1", body: 1 });
      await h.engine.removeRoom(rooms.address("a"));
      await expect(h.engine.removeRoom(rooms.address("a"))).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await rooms.emit("a", { id: "m1", body: 2 })).toEqual([{ sequence: 1, duplicate: false }]);
      expect(await phone.rest()).toEqual([]);
      expect(await h.engine.members(rooms.address("a"), 0, 10)).toEqual({ items: [] });
    });

    suite.eachRestart(
      (way) => `P1: options and members survive ${way}, and a removed room stays removed`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await h.engine.defineRoom(rooms.address("a"), { poison: "block", retention: { maxBytes: 1_000 } });
        const users = Array.from({ length: 100 }, (_, index) => `user-${index}`);
        await rooms.add("a", ...users);
        await rooms.remove("a", "user-50");
        await rooms.emit("gone", 1);
        await h.engine.removeRoom(rooms.address("gone"));
        await h.restart(way);
        expect(h.engine.roomOptions(rooms.address("a"))).toMatchObject({ poison: "block", retention: { maxBytes: 1_000 } });
        const { items } = await h.engine.members(rooms.address("a"), 0, 1_000);
        expect(items.map(({ member }) => member.user)).toEqual(users.filter((user) => user !== "user-50"));
        expect(h.engine.roomOptions(rooms.address("gone"))).toBeUndefined();
      },
    );

    if (suite.failures) {
      suite.case("P2: sessions are over when the engine stops, and messages are there when it serves again", async (h) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        const phone = await Phone.attach(h, "anna");
        await rooms.emit("a", 1);
        await phone.take(1);
        h.failNextCommit(false);
        await expect(rooms.emit("a", 2)).rejects.toMatchObject({ code: "UNKNOWN" });
        expect(h.told.sessionsEnded).toEqual([{ session: phone.session, reason: "engine-restarted" }]);
        expect(phone.pull()).toEqual([]);
        await servesAgain(h);
        const again = await Phone.attach(h, "anna");
        expect((await again.take(1)).map(({ body }) => body)).toEqual([1]);
      });
    }
  });
}
