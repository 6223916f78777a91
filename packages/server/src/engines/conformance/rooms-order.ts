import { expect } from "vitest";
import { bodiesOf, Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** S2: first deliveries in sequence, and no gap between catching up and live. */
export function testRoomsOrder(suite: Suite): void {
  suite.topic("rooms: order", () => {
    suite.case("S2: a device that is behind catches up while more is emitted, without gap or inversion", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna");
      for (let body = 1; body <= 400; body += 4) await rooms.emit("kitchen", body, body + 1, body + 2, body + 3);
      const phone = await Phone.attach(h, "anna");
      const emitting = (async () => {
        for (let body = 401; body <= 1_000; body++) await rooms.emit("kitchen", body);
      })();
      await h.until("all messages", () => {
        phone.ack(...phone.pull());
        return phone.heard.length >= 1_000;
      });
      await emitting;
      expect(sequencesOf(phone.heard)).toEqual(numbers(1, 1_000));
      expect(bodiesOf(phone.heard)).toEqual(numbers(1, 1_000));
    });

    suite.case("S2: at most 256 messages are open, and more come as soon as the oldest are settled", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("kitchen", ...numbers(1, 600));
      const first = await phone.take(256);
      expect(await phone.rest()).toEqual([]);
      phone.ack(...first.slice(1, 200));
      expect(await phone.rest()).toEqual([]);
      phone.ack(...first.slice(0, 1));
      expect(sequencesOf(await phone.take(200))).toEqual(numbers(257, 456));
      phone.ack(...first.slice(200));
      expect(sequencesOf(await phone.take(56))).toEqual(numbers(457, 512));
    });

    suite.case("S2: a device that is behind gets commits larger than what is kept for it, also in one read with a small one", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna");
      const large = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(100_000));
      for (let round = 0; round < 3; round++) {
        await rooms.emit("kitchen", "small");
        await rooms.emit("kitchen", ...large);
      }
      const phone = await Phone.attach(h, "anna");
      await h.until("all messages", () => {
        phone.ack(...phone.pull());
        return phone.heard.length >= 27;
      });
      expect(bodiesOf(phone.heard)).toEqual([1, 2, 3].flatMap(() => ["small", ...large]));
    });

    suite.case("C2: a pull takes about as many bytes as it was asked for, at least one message", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna");
      await rooms.emit("kitchen", ...numbers(1, 20).map(() => "x".repeat(1_000)));
      const phone = await Phone.attach(h, "anna");
      await h.until("something to pull", () => phone.heard.length > 0 || phone.pull().length > 0);
      const again = await Phone.attach(h, "anna");
      let pulls = 0;
      await h.until("all", () => {
        const items = h.engine.pull(again.session, 10);
        if (items.length > 0) {
          expect(items).toHaveLength(1);
          pulls++;
        }
        return pulls === 20;
      });
      expect(h.engine.pull(again.session, 10)).toEqual([]);
    });

    suite.case("S2: two rooms of one user keep their order each", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.add("b", "anna");
      for (let body = 1; body <= 50; body++) await rooms.emitTo([body % 2 === 0 ? "a" : "b"], [], body);
      const phone = await Phone.attach(h, "anna");
      phone.limit(200);
      const heard = await phone.take(50);
      for (const room of ["a", "b"]) {
        expect(sequencesOf(heard.filter(({ target }) => target.room === room))).toEqual(numbers(1, 25));
      }
    });

    suite.case("S2: devices that are far behind come to the same places, whatever they settle, and to all that there is", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      await rooms.emit("a", ...numbers(1, 400));
      await rooms.emit("a", ...numbers(401, 800));
      const [anna, bob] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob")];
      anna.ack(...(await anna.take(256)).slice(0, 100));
      bob.ack(...(await bob.take(256)).slice(0, 70));
      expect(sequencesOf(await anna.take(64))).toEqual(numbers(257, 320));
      expect(sequencesOf(await bob.take(64))).toEqual(numbers(257, 320));
      expect([await anna.rest(), await bob.rest()]).toEqual([[], []]);
      anna.ack(...anna.heard.slice(100, 130));
      expect(sequencesOf(await anna.take(64))).toEqual(numbers(321, 384));
      expect(await anna.rest()).toEqual([]);
      // It may wait for all that it may have unsettled before it settles anything.
      await h.clock.advance(999);
      expect(await anna.rest()).toEqual([]);
      await h.clock.advance(1);
      expect(sequencesOf(await anna.take(2))).toEqual([385, 386]);
      expect(await anna.rest()).toEqual([]);
      await h.until("all messages", () => {
        anna.ack(...anna.heard.slice(130));
        anna.pull();
        return anna.heard.length >= 800;
      });
      expect(sequencesOf(anna.heard)).toEqual(numbers(1, 800));
    });

    suite.case("a session is behind while a pull leaves more than a window of a room, however little it settles at a time", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      expect(h.engine.isBehind(phone.session)).toBe(false);
      await rooms.emit("a", ...numbers(1, 600));
      const first = await phone.take(256);
      expect(h.engine.isBehind(phone.session)).toBe(true);
      phone.ack(...first.slice(0, 64));
      await phone.take(64);
      expect(h.engine.isBehind(phone.session)).toBe(true);
      expect(await phone.rest()).toEqual([]);
      expect(h.engine.isBehind(phone.session)).toBe(true);
      phone.ack(...first.slice(64, 128));
      await phone.take(64);
      expect(h.engine.isBehind(phone.session)).toBe(false);
      expect(h.engine.isBehind(phone.session + 1)).toBe(false);
    });

    suite.case("S2: devices that are where the room is get the very same slice", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      const [anna, bob] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob")];
      await rooms.emit("a", "cod", "eel");
      await h.quiet();
      const [slice] = h.engine.pull(anna.session, 1_000_000);
      expect(h.engine.pull(bob.session, 1_000_000)).toEqual([slice]);
      await rooms.emit("a", "hake");
      await h.quiet();
      const [next] = h.engine.pull(anna.session, 1_000_000);
      const [same] = h.engine.pull(bob.session, 1_000_000);
      expect(same).toBe(next);
    });
  });
}
