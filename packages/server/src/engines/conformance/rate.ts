import { expect } from "vitest";
import { range } from "./messages.js";
import type { Suite } from "./suite.js";

/** `ratePerSecondMax`: how fast a queue is handed out, whoever consumes it. */
export function testRate(suite: Suite): void {
  suite.topic("rate", () => {
    suite.case("C2: no more leases than the rate allows, with a small burst, over all consumers together", async (h) => {
      await h.define("orders", { ratePerSecondMax: 100, leaseMs: 3_600_000 });
      // Attached before, so that nothing has to be read from a disk, which takes as long as it takes.
      const consumers = [await h.attach("orders"), await h.attach("orders")];
      await h.publish("orders", ...range(400));
      const taken: number[] = [];
      for (let tick = 0; tick <= 300; tick++) {
        const leases = await Promise.all(consumers.map((consumer) => h.lease(consumer)));
        taken.push(leases.flat().length);
        await h.clock.advance(10);
      }
      const between = (from: number, to: number): number => taken.slice(from, to).reduce((sum, count) => sum + count, 0);
      expect(taken[0], "the burst").toBeLessThanOrEqual(5);
      for (let from = 0; from + 100 <= taken.length; from += 10) {
        expect(between(from, from + 100)).toBeLessThanOrEqual(105);
        expect(between(from, from + 100)).toBeGreaterThanOrEqual(99);
      }
    });

    suite.case("L5: a hint tells when the next lease is allowed; nothing comes before", async (h) => {
      await h.define("orders", { ratePerSecondMax: 0.5 });
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders");
      await h.takeOne(consumer);
      await h.expectNothing(consumer);
      for (const body of [2, 3]) {
        await h.quiet();
        const before = h.told.work.length;
        await h.clock.advance(1_999);
        await h.expectNothing(consumer);
        await h.clock.advance(1);
        await h.until("a hint", () => h.told.work.length > before);
        expect((await h.takeOne(consumer)).body).toBe(body);
        expect(await h.lease(consumer)).toEqual([]);
      }
    });

    suite.case("C2: messages that come again are paced too, and waiting takes no attempt", async (h) => {
      await h.define("orders", { ratePerSecondMax: 1, maxAttempts: 3 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
      await h.expectNothing(consumer);
      await h.clock.advance(1_000);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 2 });
    });

    suite.case("C2: an idle time is not made up for", async (h) => {
      for (const [ratePerSecondMax, burst] of [
        [1, 1],
        [10, 1],
        [40, 2],
        [60, 3],
        [100, 5],
      ] as const) {
        const queue = `at-${ratePerSecondMax}`;
        await h.define(queue, { ratePerSecondMax, leaseMs: 3_600_000 });
        const consumer = await h.attach(queue);
        await h.publish(queue, ...range(3 * burst));
        await h.take(consumer, burst);
        await h.expectNothing(consumer);
        await h.clock.advance(60_000);
        await h.take(consumer, burst);
        await h.clock.advance(Math.floor(1_000 / ratePerSecondMax) - 1);
        await h.expectNothing(consumer);
        await h.clock.advance(2);
        await h.takeOne(consumer);
      }
    });

    suite.case("C2: whoever comes a few milliseconds late, as timers do, gets no less than the rate", async (h) => {
      await h.define("orders", { ratePerSecondMax: 20 });
      const consumer = await h.attach("orders");
      await h.publish("orders", ...range(100));
      const begun = h.clock.now();
      for (let taken = 0; taken < 60; taken++) {
        await h.takeOne(consumer);
        const before = h.told.work.length;
        await h.expectNothing(consumer);
        while (h.told.work.length === before) await h.clock.advance(1);
        await h.clock.advance(7);
        await h.quiet();
      }
      expect(h.clock.now() - begun).toBeLessThanOrEqual(60 * 50 + 60);
    });

    suite.case("L5: a rate that is taken away or raised is in force at once", async (h) => {
      await h.define("orders", { ratePerSecondMax: 0.001 });
      await h.publish("orders", ...range(20));
      const consumer = await h.attach("orders");
      await h.takeOne(consumer);
      await h.expectNothing(consumer);
      const before = h.told.work.length;
      await h.define("orders", { ratePerSecondMax: 0 });
      await h.until("a hint", () => h.told.work.length > before);
      await h.take(consumer, 19);
    });
  });
}
