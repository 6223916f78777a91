import { expect } from "vitest";
import { bodiesOf, Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

/** S1, P1, P4: who gets what is emitted. */
export function testRoomsEmit(suite: Suite): void {
  suite.topic("rooms: emit", () => {
    suite.case("S1: every member gets each message, also one that was away", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna", "bob");
      const anna = await Phone.attach(h, "anna");
      expect(await rooms.emit("kitchen", "cod", "eel")).toEqual([
        { sequence: 1, duplicate: false },
        { sequence: 2, duplicate: false },
      ]);
      expect(bodiesOf(await anna.take(2))).toEqual(["cod", "eel"]);
      const bob = await Phone.attach(h, "bob");
      expect(bodiesOf(await bob.take(2))).toEqual(["cod", "eel"]);
      expect(await anna.rest()).toEqual([]);
    });

    suite.case("S1: who is added before an emit is called gets it, also in the same turn; who is added after does not", async (h) => {
      const rooms = new RoomsOf(h);
      const adding = rooms.add("kitchen", "anna");
      const emitting = rooms.emit("kitchen", "cod");
      const late = rooms.add("kitchen", "bob");
      await Promise.all([adding, emitting, late]);
      expect(await late).toEqual([2]);
      expect(bodiesOf(await (await Phone.attach(h, "anna")).take(1))).toEqual(["cod"]);
      expect(await (await Phone.attach(h, "bob")).rest()).toEqual([]);
    });

    suite.case("S1: a session gets the messages of a room that its user is added to meanwhile", async (h) => {
      const rooms = new RoomsOf(h);
      const anna = await Phone.attach(h, "anna");
      await rooms.add("kitchen", "anna");
      await rooms.emit("kitchen", "cod");
      expect(bodiesOf(await anna.take(1))).toEqual(["cod"]);
      expect(h.told.roomWork).toContain(anna.session);
    });

    suite.case("S1: a user has an inbox that is made by its first message", async (h) => {
      const rooms = new RoomsOf(h);
      const phone = await Phone.attach(h, "anna");
      await rooms.emit({ user: "anna" }, "hello");
      const heard = await phone.takeOne();
      expect(heard).toMatchObject({ body: "hello", target: { user: "anna" }, sequence: 1 });
      await rooms.emit({ user: "bob" }, "hi");
      expect(bodiesOf(await (await Phone.attach(h, "bob")).take(1))).toEqual(["hi"]);
      expect(await h.engine.listRooms("/", undefined, 10)).toEqual({ items: [] });
    });

    suite.case("S1: a user in several rooms gets a message once, through the first that is named", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      await rooms.add("b", "anna", "carol", "dave");
      const [anna, bob, carol] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob"), await Phone.attach(h, "carol")];
      await rooms.emitTo(["a", "b", { user: "carol" }], [{ user: "dave" }], "fire");
      expect((await anna.take(1)).map(({ target }) => target)).toEqual([{ room: "a" }]);
      expect((await bob.take(1)).map(({ target }) => target)).toEqual([{ room: "a" }]);
      expect((await carol.take(1)).map(({ target }) => target)).toEqual([{ room: "b" }]);
      for (const phone of [anna, bob, carol]) expect(await phone.rest()).toEqual([]);
      expect(await (await Phone.attach(h, "dave")).rest()).toEqual([]);
    });

    suite.case("S1: members of an excepted room get nothing, and what comes next all the same", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("staff", "anna", "bob", "carol");
      await rooms.add("night", "bob", "zoe");
      await rooms.emitTo(["staff"], ["night", "nowhere", { user: "carol" }], "day");
      await rooms.emit("staff", "all");
      expect(bodiesOf(await (await Phone.attach(h, "anna")).take(2))).toEqual(["day", "all"]);
      expect(bodiesOf(await (await Phone.attach(h, "bob")).take(1))).toEqual(["all"]);
      expect(bodiesOf(await (await Phone.attach(h, "carol")).take(1))).toEqual(["all"]);
    });

    suite.case("S1: who is excepted is looked at when the message is emitted, not when it is delivered", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("staff", "anna", "bob");
      await rooms.add("night", "bob");
      await rooms.emitTo(["staff"], ["night"], "day");
      await rooms.remove("night", "bob");
      await rooms.add("night", "anna");
      expect(bodiesOf(await (await Phone.attach(h, "anna")).take(1))).toEqual(["day"]);
      expect(await (await Phone.attach(h, "bob")).rest()).toEqual([]);
    });

    suite.case("S1: who left gets nothing more", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("kitchen", "cod");
      await rooms.remove("kitchen", "anna");
      await rooms.emit("kitchen", "eel");
      expect(await phone.rest()).toEqual([]);
      await rooms.add("kitchen", "anna");
      await rooms.emit("kitchen", "hake");
      expect(bodiesOf(await phone.take(1))).toEqual(["hake"]);
    });

    suite.case("P4: the same id emitted again gives the first receipt, with another body it is refused", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", "before");
      await rooms.emitTo(["a", "b"], [], { id: "m1", body: "cod" });
      expect(await rooms.emitTo(["a", "b"], [], { id: "m1", body: "cod" })).toEqual([
        [{ sequence: 2, duplicate: true }],
        [{ sequence: 1, duplicate: true }],
      ]);
      expect(await rooms.emit("a", { id: "m1", body: "eel" })).toMatchObject([{ error: "ID_CONFLICT" }]);
      expect(bodiesOf(await (await Phone.attach(h, "anna")).take(2))).toEqual(["before", "cod"]);
    });

    suite.case("P4: a message that one room refuses is in none of them", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.emit("b", { id: "m1", body: "cod" });
      const fates = await rooms.emitTo(["a", "b"], [], { id: "m1", body: "eel" });
      expect(fates).toMatchObject([[{ error: "ID_CONFLICT" }], [{ error: "ID_CONFLICT" }]]);
      expect(await h.engine.roomStats(rooms.address("a"))).toMatchObject({ messages: 0, next: 1 });
    });

    suite.case("P5: a producer's numbers are stored once and without a hole", async (h) => {
      const rooms = new RoomsOf(h);
      const emit = (firstNumber: number, ...bodies: string[]): Promise<unknown> => {
        const producer = { id: "tab", firstNumber, oldestOpen: 1 };
        return h.engine.emit({ namespace: "/", to: [{ room: "a" }], except: [], ...h.packed(...bodies), producer });
      };
      await emit(1, "one", "two");
      await emit(1, "one", "two");
      await expect(emit(4, "four")).rejects.toMatchObject({ code: "PRODUCER_GAP" });
      await emit(3, "three");
      expect(await h.engine.roomStats(rooms.address("a"))).toMatchObject({ messages: 3 });
    });

    suite.eachRestart(
      (way) => `P4 P5: a producer's numbers are recognised days later and after ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        const emit = (firstNumber: number, oldestOpen: number, ...bodies: string[]): Promise<unknown> => {
          const producer = { id: "tab", firstNumber, oldestOpen };
          return h.engine.emit({ namespace: "/", to: [{ room: "a" }], except: [], ...h.packed(...bodies), producer });
        };
        await emit(1, 1, "one", "two");
        await h.clock.advance(6 * 86_400_000);
        await h.restart(way);
        expect(await emit(2, 2, "two", "three")).toMatchObject([
          [
            { count: 1, sequence: 2, duplicate: true },
            { count: 1, sequence: 3, duplicate: false },
          ],
        ]);
        expect(await h.engine.roomStats(rooms.address("a"))).toMatchObject({ published: 3 });
      },
    );

    suite.eachRestart(
      (way) => `P1 S1: messages, members, exclusions and ids survive ${way}`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna", "bob");
        await rooms.emitTo(["a"], [{ user: "bob" }], { id: "m1", body: "cod" });
        await rooms.emit({ user: "bob" }, "hi");
        await h.restart(way);
        expect(bodiesOf(await (await Phone.attach(h, "anna")).take(1))).toEqual(["cod"]);
        expect(bodiesOf(await (await Phone.attach(h, "bob")).take(1))).toEqual(["hi"]);
        expect(await rooms.emit("a", { id: "m1", body: "cod" })).toEqual([{ sequence: 1, duplicate: true }]);
        expect(await rooms.emit("a", "eel")).toEqual([{ sequence: 2, duplicate: false }]);
      },
    );
  });
}
