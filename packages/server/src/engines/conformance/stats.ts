import { expect } from "vitest";
import type { QueueStats } from "../../engine.js";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** C1 at any moment: each message counts once, and no count is below 0. */
function expectOneMoment(stats: QueueStats): void {
  const { ready, inFlight, delayed, parked, dead, acked, expired, purged } = stats;
  expect(ready + inFlight + delayed + parked + dead + acked + expired + purged).toBe(stats.published + stats.redriven);
  expect(Math.min(ready, inFlight, delayed, parked), JSON.stringify(stats)).toBeGreaterThanOrEqual(0);
}

/** Leaves a queue whose due lists are not in memory: 4 messages wait for 60 s, 4 for 1 s, and 4 in the log. */
async function leaveDelayed(h: Harness): Promise<void> {
  await h.define("orders");
  await h.publish("orders", ...Array.from({ length: 12 }, (_, index) => index));
  const consumer = await h.attach("orders", 8);
  for (const [index, held] of (await h.take(consumer, 8)).entries()) {
    await h.nack(consumer, held, { delayMs: index < 4 ? 60_000 : 1_000 });
  }
  await h.restart("reopen");
}

/** C1: counts. After every case of the whole suite they are also compared with a full scan. */
export function testStats(suite: Suite): void {
  suite.topic("stats", () => {
    suite.case("C1: an empty queue counts nothing", async (h) => {
      await h.define("orders");
      const zero = { ready: 0, inFlight: 0, delayed: 0, parked: 0, dead: 0, acked: 0, expired: 0, purged: 0, published: 0, redriven: 0 };
      const perSecond = { published: 0, delivered: 0, acked: 0 };
      expect(await h.stats("orders")).toEqual({ ...zero, consumers: 0, bytes: 0, oldestAgeMs: 0, blocked: 0, paused: false, perSecond });
    });

    suite.case("rates are of the last seconds, of this life, and 0 after a quiet time", async (h) => {
      await h.define("orders");
      const rates = async (): Promise<QueueStats["perSecond"]> => (await h.stats("orders")).perSecond;
      const bodies = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
      const consumer = await h.attach("orders", 1_000);
      for (let second = 0; second < 20; second++) {
        await h.publish("orders", ...bodies(10));
        for (const held of await h.take(consumer, 10))
          await (second % 2 === 0 ? h.ack(consumer, held) : h.nack(consumer, held, { delayMs: 3_600_000 }));
        await h.clock.advance(1_000);
      }
      const { published, delivered, acked } = await rates();
      expect({ published, delivered }).toEqual({ published: 10, delivered: 10 });
      // Of every other second, of which there may be one more or less.
      expect(Math.abs(acked - 5)).toBeLessThanOrEqual(1);
      await h.clock.advance(10_001);
      expect(await rates()).toEqual({ published: 0, delivered: 0, acked: 0 });
      await h.publish("orders", ...bodies(30));
      await h.clock.advance(500);
      await h.publish("orders", ...bodies(30));
      expect(await rates()).toMatchObject({ published: 60, acked: 0 });
      await h.clock.advance(1_500);
      expect(await rates()).toMatchObject({ published: 30, acked: 0 });
      await h.restart("reopen");
      expect(await rates()).toEqual({ published: 0, delivered: 0, acked: 0 });
      await h.publish("orders", ...bodies(30));
      expect(await rates()).toMatchObject({ published: 30 });
    });

    suite.case("the rate of deliveries is of when they were handed out, and not of when they are settled", async (h) => {
      await h.define("orders", { leaseMs: 120_000 });
      await h.publish("orders", ...Array.from({ length: 100 }, (_, index) => index));
      const consumer = await h.attach("orders", 100);
      const [first] = await h.take(consumer, 100);
      expect((await h.stats("orders")).perSecond).toMatchObject({ delivered: 100 });
      await h.clock.advance(60_000);
      if (first !== undefined) await h.ack(consumer, first);
      expect((await h.stats("orders")).perSecond).toEqual({ published: 0, delivered: 0, acked: 1 });
    });

    suite.eachRestart(
      (way) => `L3: what was counted as acked before its settlement was confirmed does not come again after ${way}`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const consumer = await h.attach("orders");
        const held = await h.takeOne(consumer);
        // A callback of a plain client is not answered: its effect is all there is to see.
        const unheard = h.ack(consumer, held);
        const { acked } = await h.stats("orders");
        await h.restart(way);
        expect((await h.stats("orders")).acked).toBe(1);
        expect(acked).toBe(1);
        await h.expectNothing(await h.attach("orders"));
        void unheard;
      },
    );

    suite.case("C1: what was counted is there for whoever looks, or acts on it, next", async (h) => {
      await h.define("orders", { ordering: "key", maxAttempts: 1 });
      await h.define("blocked", { ordering: "key", maxAttempts: 1, poison: "block" });
      await h.define("waiting");
      const names = ["orders", "blocked", "waiting"];
      const unheard = [];
      for (const name of names) {
        await h.publish(name, { key: "a", body: "cod" });
        const consumer = await h.attach(name);
        unheard.push(h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 }));
        const [, seen] = [await h.stats(name), await h.scan(name)];
        if (name === "orders") {
          expect(seen).toEqual([]);
          expect((await h.engine.deadLetters(h.address("orders"), 0, 10)).items).toHaveLength(1);
        } else expect(seen).toMatchObject([{ body: "cod", attempts: 1, state: name === "blocked" ? "blocked" : "delayed" }]);
        if (name === "blocked") await h.engine.unblock(h.address("blocked"), "a", "skip");
      }
      await Promise.all(unheard);
    });

    suite.case("C1: who looks at messages sees no settlement half done", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", "acked", "dead");
      const consumer = await h.attach("orders");
      const [acked, dead] = await h.take(consumer, 2);
      if (!acked || !dead) throw new Error("nothing leased");
      const unheard = [h.ack(consumer, acked), h.nack(consumer, dead)];
      const looks = [h.scan("orders"), h.engine.deadLetters(h.address("orders"), 0, 10)] as const;
      expect(await looks[0]).toEqual([]);
      expect((await looks[1]).items).toHaveLength(1);
      await Promise.all(unheard);
    });

    suite.case("C1: every message is counted in one state, whatever becomes of it", async (h) => {
      await h.define("orders", { maxAttempts: 2 });
      await h.publish("orders", ...Array.from({ length: 10 }, (_, index) => `body ${index}`));
      await h.clock.advance(100);
      const consumer = await h.attach("orders");
      const [acked, nacked, rejected, released, held] = await h.take(consumer, 5);
      if (!acked || !nacked || !rejected || !released || !held) throw new Error("nothing leased");
      await h.ack(consumer, acked);
      await h.nack(consumer, nacked, { delayMs: 700 });
      await h.reject(consumer, rejected);
      await h.release(consumer, released);
      expect(await h.stats("orders")).toMatchObject({
        published: 10,
        ready: 6,
        inFlight: 1,
        delayed: 1,
        dead: 1,
        acked: 1,
        consumers: 1,
        oldestAgeMs: 100,
      });
      await h.checkCounts();
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      await h.checkCounts();
      await h.engine.detach(consumer, true);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 0, consumers: 0, dead: 1, acked: 1 });
      expect(await h.stats("orders.dead")).toMatchObject({ ready: 1 });
    });

    suite.case("C1: duplicates and refused messages are not counted", async (h) => {
      await h.define("orders");
      await h.publish("orders", { id: "a", body: 1 });
      await h.publish("orders", { id: "a", body: 1 }, { id: "a", body: 2 });
      expect(await h.stats("orders")).toMatchObject({ published: 1, ready: 1 });
    });

    suite.eachRestart(
      (way) => `C1: counts are the same after ${way}, but for what was in flight`,
      async (h, way) => {
        await h.define("orders", { maxAttempts: 2 });
        await h.publish("orders", ...Array.from({ length: 20 }, (_, index) => `body ${index}`));
        const consumer = await h.attach("orders");
        const held = await h.take(consumer, 12);
        await h.ack(consumer, ...held.slice(0, 4));
        for (const delivery of held.slice(4, 6)) await h.reject(consumer, delivery);
        for (const delivery of held.slice(6, 8)) await h.nack(consumer, delivery, { delayMs: 60_000 });
        const before = await h.stats("orders");
        expect(before).toMatchObject({ inFlight: 4, ready: 8, delayed: 2, acked: 4, dead: 2 });
        await h.restart(way);
        const { bytes, published, acked, dead } = before;
        const after = await h.stats("orders");
        expect(after).toMatchObject({ bytes, published, acked, dead, inFlight: 0, consumers: 0 });
        expect(after.ready + after.delayed).toBe(14);
      },
    );

    suite.case("C1: the age is that of the oldest message that is not settled", async (h) => {
      await h.define("orders");
      await h.publish("orders", "old");
      await h.clock.advance(300);
      await h.publish("orders", "new");
      await h.clock.advance(50);
      expect((await h.stats("orders")).oldestAgeMs).toBe(350);
      const consumer = await h.attach("orders");
      const [old, young] = await h.take(consumer, 2);
      if (old === undefined || young === undefined) throw new Error("nothing leased");
      expect((await h.stats("orders")).oldestAgeMs).toBe(350);
      await h.ack(consumer, old);
      expect((await h.stats("orders")).oldestAgeMs).toBe(50);
      await h.ack(consumer, young);
      expect((await h.stats("orders")).oldestAgeMs).toBe(0);
    });

    suite.case("C1: counts are of one moment: what is purged while they are read counts as purged", async (h) => {
      await h.define("orders");
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders");
      for (const held of await h.take(consumer, 3)) await h.nack(consumer, held, { delayMs: 60_000 });
      const counting = h.stats("orders");
      const purging = h.engine.purge(h.address("orders"));
      expectOneMoment(await counting);
      expect(await purging).toBe(3);
    });

    if (suite.restarts.includes("reopen")) {
      suite.case("C1: counts are of one moment, also when they are read from the store while messages come and go", async (h) => {
        await leaveDelayed(h);
        expect(await h.stats("orders")).toMatchObject({ ready: 4, delayed: 8 });
        await h.clock.advance(1_000);
        const counting = [h.stats("orders")];
        const consumer = await h.attach("orders");
        counting.push(h.stats("orders"));
        const taken = await h.take(consumer, 8);
        for (const held of taken.slice(0, 3)) {
          counting.push(h.stats("orders"));
          const nacked = h.nack(consumer, held, { delayMs: 30_000 });
          counting.push(h.stats("orders"));
          await nacked;
        }
        counting.push(h.stats("orders"));
        const acked = h.ack(consumer, ...taken.slice(3));
        counting.push(h.stats("orders"));
        await acked;
        for (const counted of await Promise.all(counting)) expectOneMoment(counted);
        expect(await h.stats("orders")).toMatchObject({ ready: 0, delayed: 7, acked: 5 });
      });

      suite.case("C1: counts are of one moment: a purge while they are read from the store", async (h) => {
        await leaveDelayed(h);
        const counting = [h.stats("orders")];
        const purging = h.engine.purge(h.address("orders"));
        counting.push(h.stats("orders"));
        for (const counted of await Promise.all(counting)) expectOneMoment(counted);
        expect(await purging).toBe(12);
      });
    }

    for (const ordering of ["none", "key", "fifo"] as const) {
      suite.case(
        `C1: ${ordering}: a message is counted as what it is, and has its age, also while the end of its lease is being stored`,
        async (h) => {
          await h.define("orders", { ordering });
          await h.publish("orders", { body: "cod", key: "a" });
          const consumer = await h.attach("orders");
          await h.clock.advance(300);
          const nacking = h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 });
          expect(await h.stats("orders")).toMatchObject({ oldestAgeMs: 300, inFlight: 0, delayed: 1, ready: 0, parked: 0 });
          await nacking;
          expect(await h.stats("orders")).toMatchObject({ oldestAgeMs: 300, delayed: 1 });
        },
      );
    }

    for (const ordering of ["key", "fifo"] as const) {
      suite.case(`C1: ${ordering}: counts are of one moment: a purge of what waits behind others while they are read`, async (h) => {
        await h.define("orders", { ordering });
        const consumer = await h.attach("orders", 1);
        await h.publish("orders", ...Array.from({ length: 10 }, (_, body) => ({ body, key: "a" })));
        await h.nack(consumer, await h.takeOne(consumer), { delayMs: 5_000 });
        const counting = [h.stats("orders"), h.stats("orders")];
        const purging = h.engine.purge(h.address("orders"));
        counting.push(h.stats("orders"), h.stats("orders"));
        for (const counted of await Promise.all(counting)) expectOneMoment(counted);
        expect(await purging).toBe(10);
        expect(await h.stats("orders")).toMatchObject({ ready: 0, delayed: 0, parked: 0, purged: 10 });
      });
    }

    suite.case("C1: of a queue that is not there, nothing is known", async (h) => {
      await expect(h.stats("orders")).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
