import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Suite } from "./suite.js";

/** Takes the next message and nacks it, as often as it says. */
async function failTimes(h: Harness, consumer: number, times: number, how = {}): Promise<void> {
  for (let attempt = 1; attempt <= times; attempt++) {
    const held = await h.takeOne(consumer);
    expect(held.attempt).toBe(attempt);
    await h.nack(consumer, held, { delayMs: 0, ...how });
  }
}

/** L4: a limit that is lowered, below what messages that wait had already. */
export function testLowerLimits(suite: Suite): void {
  suite.topic("a lower limit of attempts", () => {
    for (const ordering of ["none", "key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `L4: ${ordering}: a message that had as many attempts is not delivered again, also after ${way}`,
        async (h, way) => {
          await h.define("orders", { ordering });
          const [receipt] = await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "a" });
          const before = await h.attach("orders", 1);
          await failTimes(h, before, 3, { reason: "burnt" });
          await h.define("orders", { maxAttempts: 2 });
          await h.restart(way);
          const consumer = await h.attach("orders", 2);
          expect(await h.takeOne(consumer)).toMatchObject({ body: "hake", attempt: 1 });
          await h.expectNothing(consumer);
          expect(await h.stats("orders")).toMatchObject({ dead: 1, inFlight: 1, ready: 0, delayed: 0, parked: 0 });
          const history = { reason: "attempts", error: "burnt", attempts: 3, sequence: receipt?.sequence };
          expect(await h.scan("orders.dead")).toMatchObject([{ body: "cod", history }]);
        },
      );

      suite.case(`L4: ${ordering}: nor is one that was released`, async (h) => {
        await h.define("orders", { ordering });
        await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "a" });
        const consumer = await h.attach("orders", 1);
        await failTimes(h, consumer, 2);
        const held = await h.takeOne(consumer);
        await h.define("orders", { maxAttempts: 2 });
        expect(held.attempt).toBe(3);
        await h.release(consumer, held);
        expect(await h.takeOne(consumer)).toMatchObject({ body: "hake", attempt: 1 });
        await h.quiet();
        expect(await h.scan("orders.dead")).toMatchObject([{ body: "cod", history: { reason: "attempts", attempts: 2 } }]);
      });

      suite.case(`L4: ${ordering}: it waits for its time first, and one with an attempt left is delivered`, async (h) => {
        await h.define("orders", { ordering });
        await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "b" });
        const consumer = await h.attach("orders", 1);
        await failTimes(h, consumer, 1);
        await h.nack(consumer, await h.takeOne(consumer), { delayMs: 5_000 });
        await h.define("orders", { maxAttempts: 2 });
        await h.quiet();
        expect(await h.stats("orders")).toMatchObject({ dead: 0, delayed: 1 });
        await h.clock.advance(5_000);
        const hake = await h.takeOne(consumer);
        expect(hake).toMatchObject({ body: "hake", attempt: 1 });
        await h.nack(consumer, hake, { delayMs: 0 });
        expect(await h.takeOne(consumer)).toMatchObject({ body: "hake", attempt: 2 });
        expect(await h.stats("orders")).toMatchObject({ dead: 1, delayed: 0 });
      });
    }

    for (const ordering of ["key", "fifo"] as const) {
      suite.case(`L4, O3: ${ordering}: where poison blocks, it holds its key, and a retry gives all attempts again`, async (h) => {
        await h.define("orders", { ordering, poison: "block" });
        await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "a" });
        const consumer = await h.attach("orders", 1);
        await failTimes(h, consumer, 2, { reason: "burnt" });
        await h.define("orders", { maxAttempts: 2 });
        await h.expectNothing(consumer);
        await h.expectNothing(consumer);
        expect(await h.stats("orders")).toMatchObject({ blocked: 1, parked: 2, ready: 0, dead: 0 });
        expect(await h.scan("orders")).toMatchObject([{ body: "cod", state: "blocked", attempts: 2 }, { state: "parked" }]);
        await h.engine.unblock(h.address("orders"), "a", "retry");
        const again = await h.takeOne(consumer);
        expect(again).toMatchObject({ body: "cod", attempt: 1 });
        await h.reject(consumer, again);
        expect(await h.takeOne(consumer)).toMatchObject({ body: "hake" });
      });
    }

    suite.case("L4: one of a high priority that dies so does not hold up those below, nor do many", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...Array.from({ length: 20 }, () => ({ body: "high", priority: 5 })));
      const consumer = await h.attach("orders");
      for (const held of await h.take(consumer, 20)) await h.nack(consumer, held, { delayMs: 0 });
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", "low", { body: "middle", priority: 3 });
      expect((await h.take(consumer, 2)).map(({ body }) => body)).toEqual(["middle", "low"]);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ dead: 20, inFlight: 2, ready: 0 });
    });
  });
}
