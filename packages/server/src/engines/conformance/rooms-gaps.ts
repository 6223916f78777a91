import { expect } from "vitest";
import type { RoomGap, RoomItem } from "../../room-engine.js";
import type { Harness } from "./harness.js";
import { Phone, RoomsOf, sequencesOf } from "./phone.js";
import type { Suite } from "./suite.js";

const LEASE_MS = 30_000;
const DELIVERIES = 5;

/** How many messages some gaps tell of. */
const lostIn = (gaps: readonly RoomGap[]): number => gaps.reduce((sum, { from, to, count = to - from + 1 }) => sum + count, 0);

/** A device comes, is given a message, and loses its connection. */
async function loseOne(h: Harness): Promise<void> {
  const phone = await Phone.attach(h, "anna");
  await phone.takeOne();
  await phone.detach();
}

/** S4: what a device will never get is told, and told again. */
export function testRoomsGaps(suite: Suite): void {
  suite.topic("rooms: gaps", () => {
    suite.case("S4: after 5 deliveries without an answer the cursor passes a message, and a gap says so", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1);
      for (let delivery = 1; delivery <= DELIVERIES; delivery++) {
        const heard = await phone.takeOne();
        expect(heard).toMatchObject({ sequence: 1, redelivered: delivery > 1 });
        expect(phone.gaps).toEqual([]);
        await h.clock.advance(LEASE_MS);
      }
      expect(await phone.rest()).toEqual([]);
      expect(await phone.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "attempts" }]);
      expect(await rooms.ledger("a", 1)).toEqual({ anna: "failed" });
    });

    suite.case("S4: only what was nacked 5 times is passed; what is behind it comes along, and is still there then", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2);
      let heard = await phone.take(2);
      for (let delivery = 1; delivery <= DELIVERIES; delivery++) {
        phone.nack(heard.slice(0, 1), 0);
        // The last delivery of what is behind it is its own.
        if (delivery < DELIVERIES) heard = await phone.take(delivery < DELIVERIES - 1 ? 2 : 1);
        expect(heard[0]).toMatchObject({ sequence: 1 });
      }
      expect(await phone.gapsUntil(1)).toMatchObject([{ from: 1, to: 1 }]);
      await h.clock.advance(LEASE_MS);
      const [two] = await phone.take(1);
      expect(two).toMatchObject({ sequence: 2 });
      expect(phone.ack(...(two === undefined ? [] : [two]))).toBe(1);
    });

    suite.case("S4: no message is delivered more than 5 times, however they are nacked, and none less that fails each time", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      const [count, late] = [12, 7];
      await rooms.emit("a", ...Array.from({ length: count }, (_, index) => index + 1));
      const heard = await phone.take(count);
      // One by one, as callbacks come: what is nacked first comes again while the others are on their way.
      for (const message of heard) {
        if (message.sequence !== late) phone.nack([message], 0);
        await h.quiet();
        heard.push(...phone.pull());
      }
      const times = Array.from({ length: count }, (_, index) => heard.filter(({ sequence }) => sequence === index + 1).length);
      expect(times).toEqual(times.map((_, index) => (index + 1 === late ? DELIVERIES - 1 : DELIVERIES)));
      await phone.rest();
      expect(lostIn(phone.gaps)).toBe(count - 1);
      expect(phone.ack(...heard.filter(({ sequence }) => sequence === late))).toBe(1);
    });

    suite.case("S4: retention tells its gap also while a nacked message waits, and the device goes on", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 300 } });
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", ...Array.from({ length: 8 }, (_, index) => index + 1));
      const [one, ...others] = await phone.take(8);
      phone.nack(one === undefined ? [] : [one], 365 * 86_400_000);
      phone.ack(...others);
      for (let body = 9; body <= 700; body++) {
        await rooms.emit("a", body);
        phone.ack(...phone.pull());
      }
      phone.ack(...(await phone.rest()));
      expect(phone.gaps[0]).toMatchObject({ from: 1, to: 1, reason: "retention" });
      expect(phone.heard.at(-1)?.sequence).toBe(700);
      expect(phone.heard.length + lostIn(phone.gaps)).toBe(701);
      expect(await rooms.ledger("a", 700)).toEqual({ anna: "delivered" });
    });

    suite.eachRestart(
      (way) => `S4: what failed 5 times is passed also behind one that waits, and never comes again, not after ${way} either`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        const phone = await Phone.attach(h, "anna");
        await rooms.emit("a", 1, 2, 3);
        const [one, two] = await phone.take(3);
        phone.nack(one === undefined ? [] : [one], 365 * 86_400_000);
        let again = two === undefined ? [] : [two];
        for (let delivery = 1; delivery <= DELIVERIES; delivery++) {
          phone.nack(again.slice(0, 1), 0);
          if (delivery < DELIVERIES) again = await phone.take(delivery < DELIVERIES - 1 ? 2 : 1);
          expect(again[0]).toMatchObject({ sequence: 2 });
        }
        const [gap] = await phone.gapsUntil(1);
        expect(gap).toMatchObject({ from: 2, to: 2, reason: "attempts" });
        if (gap !== undefined) phone.ackGap(gap);
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "failed" });
        await phone.detach();
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "failed" });
        const next = await Phone.attach(h, "anna");
        expect(sequencesOf(await next.take(2))).toEqual([1, 3]);
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        const last = await Phone.attach(h, "anna");
        expect(sequencesOf(await last.take(2))).toEqual([1, 3]);
        expect([...next.gaps, ...last.gaps]).toEqual([]);
        expect(await rooms.ledger("a", 2)).toEqual({ anna: "failed" });
      },
    );

    suite.case("S4: losing the connection counts a delivery, also over several sessions and a restart", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1);
      for (let delivery = 1; delivery <= DELIVERIES; delivery++) {
        await loseOne(h);
        await h.clock.advance(100);
        await h.quiet();
        if (delivery === 3 && suite.restarts.includes("crash")) await h.restart("crash");
      }
      const phone = await Phone.attach(h, "anna");
      expect(await phone.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "attempts" }]);
      expect(await phone.rest()).toEqual([]);
    });

    suite.case("S4: with poison block a message is never passed", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { poison: "block" });
      await rooms.add("a", "anna");
      const phone = await Phone.attach(h, "anna");
      await rooms.emit("a", 1, 2);
      for (let delivery = 1; delivery <= 3 * DELIVERIES; delivery++) {
        expect(sequencesOf(await phone.take(2))).toEqual([1, 2]);
        await h.clock.advance(LEASE_MS);
      }
      expect(phone.gaps).toEqual([]);
      expect(phone.ack(...(await phone.take(2)))).toBe(2);
    });

    for (const ending of ["none", ...suite.restarts] as const) {
      suite.case(`S4: what failed too often while poison was block is told as a gap once it is not (restart: ${ending})`, async (h) => {
        const rooms = new RoomsOf(h);
        await h.engine.defineRoom(rooms.address("a"), { poison: "block" });
        await rooms.add("a", "anna");
        await rooms.emit("a", 1);
        for (let delivery = 1; delivery <= DELIVERIES; delivery++) await loseOne(h);
        await h.clock.advance(100);
        await h.quiet();
        if (ending !== "none") await h.restart(ending);
        await h.engine.defineRoom(rooms.address("a"), { poison: "dead-letter" });
        const phone = await Phone.attach(h, "anna");
        expect(await phone.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "attempts" }]);
        await rooms.emit("a", 2);
        expect(sequencesOf([await phone.takeOne()])).toEqual([2]);
        expect(await rooms.ledger("a", 1)).toEqual({ anna: "failed" });
      });
    }

    suite.case("S4: a gap comes again every 30 s and to the next session until it is acknowledged", async (h) => {
      const rooms = new RoomsOf(h);
      await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 1 } });
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, 2, 3);
      const phone = await Phone.attach(h, "anna");
      phone.ack(...(await phone.take(1)));
      const gap = { from: 1, to: 2, reason: "retention" } as const;
      expect(await phone.gapsUntil(1)).toMatchObject([gap]);
      await h.clock.advance(LEASE_MS - 1);
      await phone.rest();
      expect(phone.gaps).toHaveLength(1);
      await h.clock.advance(1);
      expect(await phone.gapsUntil(2)).toMatchObject([gap, gap]);
      await phone.detach();
      const next = await Phone.attach(h, "anna");
      const [again] = await next.gapsUntil(1);
      expect(again).toMatchObject(gap);
      if (again !== undefined) next.ackGap(again);
      await h.clock.advance(2 * LEASE_MS);
      expect(await next.rest()).toEqual([]);
      expect(next.gaps).toHaveLength(1);
    });

    suite.eachRestart(
      (way) => `S4: a gap that was not acknowledged comes again after ${way}, one that was does not`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await h.engine.defineRoom(rooms.address("a"), { retention: { maxMessages: 1 } });
        await rooms.add("a", "anna", "bob");
        await rooms.emit("a", 1, 2);
        const [anna, bob] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob")];
        await anna.gapsUntil(1);
        const [gap] = await bob.gapsUntil(1);
        if (gap !== undefined) bob.ackGap(gap);
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        const [again, silent] = [await Phone.attach(h, "anna"), await Phone.attach(h, "bob")];
        expect(await again.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "retention" }]);
        await silent.take(1);
        expect(silent.gaps).toEqual([]);
      },
    );

    suite.case("S1 S4: however many gaps nobody takes note of, all else comes, and they become few that say how many", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const [rounds, gapsMax] = [25, 16];
      for (let round = 1; round <= rounds; round++) await rooms.emit("a", { body: "typing", ttlMs: 200 }, "chat");
      await h.clock.advance(200);
      const phone = await Phone.attach(h, "anna");
      const chats = await phone.take(rounds);
      expect(sequencesOf(chats)).toEqual(Array.from({ length: rounds }, (_, index) => 2 * index + 2));
      phone.ack(...chats);
      await rooms.emit("a", "live");
      phone.ack(...(await phone.take(1)));
      await phone.detach();
      const next = await Phone.attach(h, "anna");
      expect(await next.rest()).toEqual([]);
      expect(next.gaps.length).toBeLessThanOrEqual(gapsMax);
      expect(lostIn(next.gaps)).toBe(rounds);
      expect(next.gaps.find(({ count }) => count !== undefined)).toEqual(expect.objectContaining({ from: 1, reason: "expired" }));
      for (const gap of next.gaps) next.ackGap(gap);
      await h.clock.advance(LEASE_MS);
      expect(await next.rest()).toEqual([]);
      expect(await (await Phone.attach(h, "anna")).rest()).toEqual([]);
    });

    suite.case("S4: gaps of several reasons become fewer only with those of their reason", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      const rounds = 12;
      for (let round = 1; round <= rounds; round++) await rooms.emit("a", { body: "typing", ttlMs: 200 }, "bad", "good");
      await h.clock.advance(200);
      const phone = await Phone.attach(h, "anna");
      for (let heard = await phone.take(2 * rounds); heard.length > 0; heard = await phone.rest()) {
        phone.ack(...heard.filter(({ body }) => body === "good"));
        phone.nack(
          heard.filter(({ body }) => body === "bad"),
          0,
        );
      }
      await phone.detach();
      const next = await Phone.attach(h, "anna");
      expect(await next.rest()).toEqual([]);
      expect(lostIn(next.gaps.filter(({ reason }) => reason === "expired"))).toBe(rounds);
      expect(lostIn(next.gaps.filter(({ reason }) => reason === "attempts"))).toBe(rounds);
    });

    suite.eachRestart(
      (way) => `S4: a gap that became one of several says how many after ${way}, too`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        const rounds = 20;
        for (let round = 1; round <= rounds; round++) await rooms.emit("a", { body: "typing", ttlMs: 200 }, "chat");
        await h.clock.advance(200);
        const phone = await Phone.attach(h, "anna");
        phone.ack(...(await phone.take(rounds)));
        await h.clock.advance(100);
        await h.quiet();
        await h.restart(way);
        const next = await Phone.attach(h, "anna");
        expect(await next.rest()).toEqual([]);
        expect(lostIn(next.gaps)).toBe(rounds);
      },
    );

    suite.case("S4 T2: a message whose time to live is over is not delivered, and told as a gap", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, { body: 2, ttlMs: 1_000 }, { body: 3, ttlMs: 1_000 }, 4);
      await h.clock.advance(1_000);
      const phone = await Phone.attach(h, "anna");
      expect(sequencesOf(await phone.take(2))).toEqual([1, 4]);
      expect(phone.gaps).toMatchObject([{ from: 2, to: 3, reason: "expired" }]);
      expect(await rooms.ledger("a", 2)).toEqual({ anna: "failed" });
    });

    suite.case("S4: a gap is told before what comes after it, also when it ends with a message for others", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna", "bob");
      const forOthers = [{ user: "anna" }];
      await Promise.all([rooms.emit("a", { body: 1, ttlMs: 1_000 }), rooms.emitTo(["a"], forOthers, { body: 2, ttlMs: 1_000 })]);
      await h.clock.advance(1_000);
      const phone = await Phone.attach(h, "anna");
      expect(await phone.gapsUntil(1)).toMatchObject([{ from: 1, to: 1, reason: "expired" }]);
      await Promise.all([
        rooms.emit("a", { body: 3, ttlMs: 1_000 }),
        rooms.emitTo(["a"], forOthers, { body: 4, ttlMs: 1_000 }),
        rooms.emit("a", 5),
      ]);
      await h.clock.advance(1_000);
      const tablet = await Phone.attach(h, "anna");
      const items: RoomItem[] = [];
      await h.until("the last message", () => {
        items.push(...h.engine.pull(tablet.session, 100_000));
        return items.some(({ kind }) => kind === "messages");
      });
      expect(items).toMatchObject([{ kind: "gap", from: 1, to: 1 }, { kind: "gap", from: 3, to: 3 }, { kind: "messages" }]);
    });

    suite.case("S4: an expired message behind one that is open is told as one gap, also to the next session", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("a", "anna");
      await rooms.emit("a", 1, { body: 2, ttlMs: 1_000 }, 3);
      await h.clock.advance(1_000);
      const phone = await Phone.attach(h, "anna");
      await phone.take(2);
      expect(phone.gaps).toMatchObject([{ from: 2, to: 2, reason: "expired" }]);
      await phone.detach();
      const next = await Phone.attach(h, "anna");
      expect(sequencesOf(await next.take(2))).toEqual([1, 3]);
      expect(next.gaps).toMatchObject([{ from: 2, to: 2, reason: "expired" }]);
    });

    suite.eachRestart(
      (way) => `S4: a message that was told to be a gap never comes after ${way}, even when the clock goes back`,
      async (h, way) => {
        const rooms = new RoomsOf(h);
        await rooms.add("a", "anna");
        await rooms.emit("a", 1, { body: 2, ttlMs: 1_000 }, 3);
        await h.clock.advance(1_000);
        const phone = await Phone.attach(h, "anna");
        await phone.take(2);
        await h.clock.advance(100);
        await h.quiet();
        h.clock.jump(-60_000);
        await h.restart(way);
        const next = await Phone.attach(h, "anna");
        expect(sequencesOf(await next.take(2))).toEqual([1, 3]);
        expect(next.gaps).toMatchObject([{ from: 2, to: 2, reason: "expired" }]);
      },
    );
  });
}
