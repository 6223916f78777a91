import { expect } from "vitest";
import { STEADY } from "./harness.js";
import { bodiesOf } from "./messages.js";
import type { Suite } from "./suite.js";

/** O1 and O2 for `ordering: "fifo"`. */
export function testFifoOrder(suite: Suite): void {
  suite.topic("fifo order", () => {
    suite.case("O1: one consumer holds the queue, with several in flight in order", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      await h.publish("orders", 1, 2, 3, 4, 5);
      const [holder, other] = [await h.attach("orders", 3), await h.attach("orders", 3)];
      await h.expectNothing(other);
      expect(h.engine.capacity(other)).toBe(0);
      const [one, two] = await h.take(holder, 3);
      if (!one || !two) throw new Error("nothing leased");
      await h.expectNothing(other);
      await h.ack(holder, one, two);
      expect(bodiesOf(await h.take(holder, 2))).toEqual([4, 5]);
    });

    for (const before of ["none", "key"] as const) {
      suite.case(`O1: one consumer holds the queue, also where they were there while it was ordered ${before}`, async (h) => {
        await h.define("orders", { ordering: before });
        const [holder, other] = [await h.attach("orders", 3), await h.attach("orders", 3)];
        await h.expectNothing(holder);
        await h.expectNothing(other);
        await h.define("orders", { ordering: "fifo" });
        await h.publish("orders", 1, 2, 3, 4);
        await h.expectNothing(other);
        expect(bodiesOf(await h.take(holder, 3))).toEqual([1, 2, 3]);
        await h.engine.detach(holder, false);
        expect(bodiesOf(await h.take(other, 3))).toEqual([1, 2, 3]);
      });
    }

    suite.case("a fifo queue that is ordered no more gives to all its consumers", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      const [first, second] = [await h.attach("orders", 1), await h.attach("orders", 1)];
      await h.expectNothing(second);
      await h.define("orders", { ordering: "none" });
      await h.until("the second one to be told", () => h.told.capacity.includes(second));
      await h.publish("orders", 1, 2);
      await h.take(first, 1);
      await h.take(second, 1);
    });

    suite.case("O1: a nack makes the later tokens stale, and all come again in order", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      await h.publish("orders", 1, 2, 3, 4);
      const consumer = await h.attach("orders", 3);
      const [one, two, three] = await h.take(consumer, 3);
      if (!one || !two || !three) throw new Error("nothing leased");
      await h.nack(consumer, two, { delayMs: 2_000 });
      await h.until("the later lease to be revoked", () => h.told.revoked.length > 0);
      expect(h.told.revoked).toEqual([{ consumer, leases: [three.lease] }]);
      expect(await h.ack(consumer, three)).toEqual(["STALE_LEASE"]);
      expect(await h.ack(consumer, one)).toEqual(["ok"]);
      await h.expectNothing(consumer);
      await h.clock.advance(2_000);
      expect(await h.take(consumer, 3)).toMatchObject([
        { body: 2, attempt: 2 },
        { body: 3, attempt: 1 },
        { body: 4, attempt: 1 },
      ]);
    });

    suite.case("O2: an expiry makes the later tokens stale, and a reject does not", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders", 3);
      const [one, two, three] = await h.take(consumer, 3);
      if (!one || !two || !three) throw new Error("nothing leased");
      await h.reject(consumer, one);
      expect(await h.extend(consumer, three, 60_000)).toEqual(["ok"]);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      expect(await h.ack(consumer, three)).toEqual(["STALE_LEASE"]);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.take(consumer, 2)).toMatchObject([
        { body: 2, attempt: 2 },
        { body: 3, attempt: 1 },
      ]);
    });

    suite.case("O2: of leases that end at one moment the first counts an attempt, and those behind it come again uncounted", async (h) => {
      await h.define("orders", { ordering: "fifo", maxAttempts: 2 });
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders", 3);
      // With the first one dead nothing takes the second one back.
      for (const bodies of [
        [1, 2, 3],
        [1, 2, 3],
        [2, 3],
      ]) {
        const deliveries = await h.take(consumer, bodies.length);
        expect(bodiesOf(deliveries)).toEqual(bodies);
        await h.clock.advance(STEADY.leaseMs);
        await h.clock.advance(STEADY.backoff.delayMs);
      }
      expect(await h.take(consumer, 1)).toMatchObject([{ body: 3, attempt: 2 }]);
      expect(await h.scan("orders.dead")).toMatchObject([
        { body: 1, history: { attempts: 2 } },
        { body: 2, history: { attempts: 2 } },
      ]);
    });

    suite.case("L5: when the holder is gone the next consumer has its messages, in order", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      await h.publish("orders", 1, 2, 3, 4);
      const [holder, next, last] = [await h.attach("orders", 2), await h.attach("orders", 10), await h.attach("orders", 10)];
      await h.take(holder, 2);
      await h.engine.detach(holder, true);
      await h.until("the next one's turn", () => h.told.capacity.includes(next));
      expect(h.engine.capacity(last)).toBe(0);
      expect(await h.take(next, 4)).toMatchObject([
        { body: 1, attempt: 2 },
        { body: 2, attempt: 2 },
        { body: 3, attempt: 1 },
        { body: 4, attempt: 1 },
      ]);
    });

    suite.eachRestart(
      (way) => `O2, L4: order and attempts are kept after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "fifo" });
        await h.publish("orders", 1, 2, 3, 4, 5, 6);
        const before = await h.attach("orders", 4);
        const [one, two, three] = await h.take(before, 4);
        if (!one || !two || !three) throw new Error("nothing leased");
        await h.ack(before, one);
        await h.nack(before, three, { delayMs: 0 });
        await h.quiet();
        await h.restart(way);
        const consumer = await h.attach("orders");
        expect(await h.take(consumer, 5)).toMatchObject([
          { body: 2, attempt: way === "crash" ? 2 : 1 },
          { body: 3, attempt: 2 },
          { body: 4, attempt: 1 },
          { body: 5, attempt: 1 },
          { body: 6, attempt: 1 },
        ]);
      },
    );

    if (suite.restarts.includes("crash")) {
      suite.case("L4: what was in flight at a crash counts it also when the next life ended before it came to it", async (h) => {
        await h.define("orders", { ordering: "fifo" });
        const before = await h.attach("orders");
        await h.expectNothing(before);
        await h.publish("orders", 1, 2);
        await h.take(before, 2);
        await h.restart("crash");
        expect(await h.takeOne(await h.attach("orders", 1))).toMatchObject({ body: 1, attempt: 2 });
        await h.restart("reopen");
        expect(await h.take(await h.attach("orders"), 2)).toMatchObject([
          { body: 1, attempt: 2 },
          { body: 2, attempt: 2 },
        ]);
      });
    }

    suite.eachRestart(
      (way) => `L4: what a life found after ${way} and nobody was given counts nothing`,
      async (h, way) => {
        await h.define("orders", { ordering: "fifo" });
        await h.publish("orders", 1);
        await h.publish("orders", 2);
        await h.restart(way);
        const first = await h.attach("orders", 1);
        await h.take(first, 1);
        await h.engine.detach(first, false);
        expect(await h.take(await h.attach("orders"), 2)).toMatchObject([
          { body: 1, attempt: 1 },
          { body: 2, attempt: 1 },
        ]);
      },
    );

    suite.case("O2: a backlog behind a message that waits stays where it is, and in order", async (h) => {
      await h.define("orders", { ordering: "fifo", maxAttempts: 0 });
      const bodies = Array.from({ length: 5_000 }, (_, index) => index);
      await h.publish("orders", ...bodies);
      const consumer = await h.attach("orders", 1_000);
      const [first] = await h.take(consumer, 1_000);
      if (first === undefined) throw new Error("nothing leased");
      await h.nack(consumer, first, { delayMs: 60_000 });
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 0, delayed: 1 });
      await h.clock.advance(60_000);
      const came: unknown[] = [];
      while (came.length < 5_000) {
        const taken = await h.lease(consumer);
        came.push(...bodiesOf(taken));
        if (taken.length === 0) await h.quiet();
        else await h.ack(consumer, ...taken);
      }
      expect(came).toEqual(bodies);
    });
  });
}
