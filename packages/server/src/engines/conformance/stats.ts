import { expect } from "vitest";
import { STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** C1: counts. After every case of the whole suite they are also compared with a full scan. */
export function testStats(suite: Suite): void {
  suite.topic("stats", () => {
    suite.case("C1: an empty queue counts nothing", async (h) => {
      await h.define("orders");
      const zero = { ready: 0, inFlight: 0, delayed: 0, parked: 0, dead: 0, acked: 0, expired: 0, purged: 0, published: 0, redriven: 0 };
      expect(await h.stats("orders")).toEqual({ ...zero, consumers: 0, bytes: 0, oldestAgeMs: 0, blocked: 0, paused: false });
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

    suite.case("C1: of a queue that is not there, nothing is known", async (h) => {
      await expect(h.stats("orders")).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
