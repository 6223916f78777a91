import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

const pause = (h: Harness, queue: string): Promise<void> => h.engine.pause(h.address(queue));
const resume = (h: Harness, queue: string): Promise<void> => h.engine.resume(h.address(queue));

/** pause, resume. */
export function testPause(suite: Suite): void {
  suite.topic("pause", () => {
    suite.case("pause: a paused queue takes messages and leases none; resumed it leases them in order, and hints", async (h) => {
      await h.define("orders");
      await h.publish("orders", 1);
      const consumer = await h.attach("orders");
      await pause(h, "orders");
      await h.publish("orders", 2, 3);
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ paused: true, ready: 3 });
      await h.quiet();
      h.told.clear();
      await resume(h, "orders");
      await h.until("a hint", () => h.told.work.some(({ queue }) => queue === "orders"));
      expect((await h.take(consumer, 3)).map(({ body }) => body)).toEqual([1, 2, 3]);
      expect(await h.stats("orders")).toMatchObject({ paused: false, inFlight: 3 });
    });

    suite.case("pause: leases go on: they are settled, extended, and run out", async (h) => {
      await h.define("orders");
      await h.publish("orders", "acked", "expired");
      const consumer = await h.attach("orders");
      const [acked, expired] = await h.take(consumer, 2);
      if (acked === undefined || expired === undefined) throw new Error("nothing leased");
      await pause(h, "orders");
      expect(await h.extend(consumer, acked, STEADY.leaseMs * 3)).toEqual(["ok"]);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      expect(await h.ack(consumer, acked)).toEqual(["ok"]);
      await h.clock.advance(STEADY.backoff.delayMs);
      await h.expectNothing(consumer);
      await resume(h, "orders");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "expired", attempt: 2 });
    });

    suite.case("pause: a message that became due meanwhile comes once resumed", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 500 });
      await pause(h, "orders");
      await h.clock.advance(5_000);
      await h.expectNothing(consumer);
      await resume(h, "orders");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "cod", attempt: 2 });
    });

    suite.eachRestart(
      (way) => `pause: it survives ${way}, and so does resume`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        await pause(h, "orders");
        await h.restart(way);
        const paused = await h.attach("orders");
        await h.expectNothing(paused);
        expect(await h.stats("orders")).toMatchObject({ paused: true });
        await h.define("orders", { leaseMs: 20_000 });
        await h.restart(way);
        await h.expectNothing(await h.attach("orders"));
        await resume(h, "orders");
        await h.restart(way);
        expect(await h.stats("orders")).toMatchObject({ paused: false });
        expect(await h.takeOne(await h.attach("orders"))).toMatchObject({ body: "cod", attempt: 1 });
      },
    );

    suite.eachRestart(
      (way) => `L4: what was published to a paused queue, with a consumer that waits, has no attempt after ${way}`,
      async (h, way) => {
        await h.define("orders");
        const consumer = await h.attach("orders");
        await h.expectNothing(consumer);
        await pause(h, "orders");
        await h.publish("orders", 1, 2);
        await h.expectNothing(consumer);
        await h.restart(way);
        await resume(h, "orders");
        expect(await h.take(await h.attach("orders"), 2)).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
      },
    );

    suite.case("pause: twice is once, as is resume; a queue that is not there is NOT_FOUND", async (h) => {
      await h.define("orders");
      await resume(h, "orders");
      await pause(h, "orders");
      await pause(h, "orders");
      expect(await h.stats("orders")).toMatchObject({ paused: true });
      await resume(h, "orders");
      expect(await h.stats("orders")).toMatchObject({ paused: false });
      await expect(pause(h, "invoices")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(resume(h, "invoices")).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.case("pause: a paused queue can be purged, and other queues go on", async (h) => {
      await h.define("orders");
      await h.define("invoices");
      await pause(h, "orders");
      await h.publish("orders", "cod");
      await h.publish("invoices", "bill");
      expect(await h.engine.purge(h.address("orders"))).toBe(1);
      expect(await h.takeOne(await h.attach("invoices"))).toMatchObject({ body: "bill" });
      expect(await h.stats("orders")).toMatchObject({ paused: true, purged: 1 });
    });
  });
}
