import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Suite } from "./suite.js";

/** Nacks the only message without a delay of its own; it must be away for exactly `delayMs`. */
async function expectBackoff(h: Harness, consumer: number, delayMs: number): Promise<void> {
  await h.nack(consumer, await h.takeOne(consumer));
  if (delayMs > 0) {
    await h.clock.advance(delayMs - 1);
    await h.expectNothing(consumer);
    await h.clock.advance(1);
  }
}

/** L5: how long a failed message stays away. */
export function testBackoff(suite: Suite): void {
  suite.topic("backoff", () => {
    suite.case("L5: a fixed backoff is the same after every attempt", async (h) => {
      await h.define("orders", { maxAttempts: 0, backoff: { type: "fixed", delayMs: 700, delayMaxMs: 60_000, jitter: 0 } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 4; attempt++) await expectBackoff(h, consumer, 700);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 5 });
    });

    suite.case("L5: a fixed backoff is no longer than its maximum", async (h) => {
      await h.define("orders", { maxAttempts: 0, backoff: { type: "fixed", delayMs: 700, delayMaxMs: 200, jitter: 0 } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 2; attempt++) await expectBackoff(h, consumer, 200);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 3 });
    });

    suite.case("L5: an exponential backoff doubles up to its maximum", async (h) => {
      await h.define("orders", { maxAttempts: 0, backoff: { type: "exponential", delayMs: 100, delayMaxMs: 500, jitter: 0 } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (const delayMs of [100, 200, 400, 500, 500]) await expectBackoff(h, consumer, delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 6 });
    });

    suite.case("L5: after very many attempts the maximum still holds", async (h) => {
      await h.define("orders", { maxAttempts: 0, backoff: { type: "exponential", delayMs: 1, delayMaxMs: 2_000, jitter: 0 } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 1_100; attempt++) await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
      await expectBackoff(h, consumer, 2_000);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 1_102 });
    });

    suite.case("L5: jitter takes away at most its part of the delay", async (h) => {
      await h.define("orders", { backoff: { type: "fixed", delayMs: 10_000, delayMaxMs: 10_000, jitter: 0.3 }, leaseMs: 60_000 });
      await h.publish("orders", ...Array.from({ length: 200 }, (_, index) => index));
      const consumer = await h.attach("orders");
      const held = await h.take(consumer, 200);
      await h.settle(consumer, { first: held[0]?.lease ?? 0, count: 200, verb: "nack" });
      await h.clock.advance(6_999);
      await h.expectNothing(consumer);
      await h.clock.advance(1_501);
      await h.quiet();
      const half = await h.lease(consumer);
      expect(half.length, "delays are spread").toBeGreaterThan(20);
      expect(half.length, "delays are spread").toBeLessThan(180);
      await h.clock.advance(1_500);
      await h.take(consumer, 200 - half.length);
    });

    suite.case("L5: a list of delays is followed attempt by attempt, and its last one repeats", async (h) => {
      await h.define("orders", { maxAttempts: 0, backoff: { type: "list", delaysMs: [300, 0, 2_000, 50] } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (const delayMs of [300, 0, 2_000, 50, 50, 50]) await expectBackoff(h, consumer, delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 7 });
    });

    suite.eachRestart(
      (way) => `L5: a list of delays survives ${way}`,
      async (h, way) => {
        await h.define("orders", { maxAttempts: 0, backoff: { type: "list", delaysMs: [100, 700] } });
        await h.publish("orders", "cod");
        const before = await h.attach("orders");
        await expectBackoff(h, before, 100);
        await h.restart(way);
        await expectBackoff(h, await h.attach("orders"), 700);
      },
    );

    suite.case("L5: a backoff of 0 brings the message at once", async (h) => {
      await h.define("orders", { backoff: { type: "fixed", delayMs: 0, delayMaxMs: 0, jitter: 0 } });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await expectBackoff(h, consumer, 0);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 2 });
    });
  });
}
