import { expect } from "vitest";
import { STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** L5: consumers that go away. */
export function testDisconnect(suite: Suite): void {
  suite.topic("disconnect", () => {
    for (const [counted, attempt] of [
      [true, 2],
      [false, 1],
    ] as const) {
      suite.case(`L5: messages of a detached consumer are ready at once, ${counted ? "counted" : "uncounted"}`, async (h) => {
        await h.define("orders");
        await h.publish("orders", "cod", "hake");
        const [lost, other] = [await h.attach("orders"), await h.attach("orders")];
        await h.take(lost, 2);
        await h.engine.detach(lost, counted);
        expect(await h.stats("orders")).toMatchObject({ consumers: 1, ready: 2, delayed: 0, inFlight: 0 });
        expect(await h.take(other, 2)).toMatchObject([{ attempt }, { attempt }]);
      });

      suite.case(`L2: leases of a detached consumer are stale, ${counted ? "counted" : "uncounted"}`, async (h) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const lost = await h.attach("orders");
        const held = await h.takeOne(lost);
        await h.engine.detach(lost, counted);
        expect(await h.ack(lost, held)).toEqual(["STALE_LEASE"]);
        const other = await h.attach("orders");
        const fresh = await h.takeOne(other);
        expect(await h.ack(lost, fresh)).toEqual(["STALE_LEASE"]);
        expect(await h.ack(other, held)).toEqual(["STALE_LEASE"]);
        expect(await h.ack(other, fresh)).toEqual(["ok"]);
      });
    }

    suite.case("L4: a counted loss at the last attempt is a dead letter, an uncounted one is not", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", "cod");
      const first = await h.attach("orders");
      await h.takeOne(first);
      await h.engine.detach(first, false);
      const second = await h.attach("orders");
      expect(await h.takeOne(second)).toMatchObject({ attempt: 1 });
      await h.engine.detach(second, true);
      await h.expectNothing(await h.attach("orders"));
      expect(await h.scan("orders.dead")).toMatchObject([{ body: "cod", history: { reason: "attempts", attempts: 1 } }]);
    });

    suite.case("onExpired: a detached consumer hears of nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const lost = await h.attach("orders");
      await h.takeOne(lost);
      await h.engine.detach(lost, true);
      await h.clock.advance(STEADY.leaseMs * 2);
      await h.quiet();
      expect(h.told.expired).toEqual([]);
    });

    suite.case("L5: detaching twice, or a consumer nobody knows, harms nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const [lost, other] = [await h.attach("orders"), await h.attach("orders")];
      await h.takeOne(lost);
      await h.engine.detach(lost, false);
      const again = (consumer: number) => h.engine.detach(consumer, true).catch((error: unknown) => String(Object(error).code));
      for (const consumer of [lost, 999_999]) expect([undefined, "NOT_FOUND"]).toContain(await again(consumer));
      expect(await h.takeOne(other)).toMatchObject({ attempt: 1 });
    });

    suite.case("L1: a consumer's number is not given twice in a life", async (h) => {
      await h.define("orders");
      const numbers = new Set<number>();
      for (let round = 0; round < 20; round++) {
        const consumer = await h.attach("orders");
        numbers.add(consumer);
        if (round % 2 === 0) await h.engine.detach(consumer, false);
      }
      expect(numbers.size).toBe(20);
      expect(await h.stats("orders")).toMatchObject({ consumers: 10 });
    });

    suite.case("L5: what is detached while others are leased comes in order of sequence", async (h) => {
      await h.define("orders");
      await h.publish("orders", 0, 1, 2, 3, 4, 5);
      const [lost, other] = [await h.attach("orders"), await h.attach("orders")];
      await h.take(lost, 4);
      await h.engine.detach(lost, true);
      expect((await h.take(other, 6)).map(({ body }) => body)).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });
}
