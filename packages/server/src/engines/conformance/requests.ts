import { DIED_EVENT } from "holdfast-client/protocol";
import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

const REPLIES = "reply:0123456789abcdefghij";
const REQUEST = { body: "cod", replyTo: REPLIES, correlationId: "7" };
const IDLE_MS = 600_000;

const exists = (h: Harness): boolean => h.engine.options(h.address(REPLIES)) !== undefined;

/** What requests leave behind: answers to those that died, and reply queues that nobody consumes any more. */
export function testRequests(suite: Suite): void {
  suite.topic("requests", () => {
    suite.case("D1: a request that is rejected, or out of attempts, leaves one answer in its reply queue", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.engine.define(h.address(REPLIES), {});
      await h.publish("orders", { ...REQUEST, id: "a" }, { ...REQUEST, id: "b", correlationId: "8" }, { body: "no request" });
      const consumer = await h.attach("orders");
      const [first, second, third] = await h.take(consumer, 3);
      if (first === undefined || second === undefined || third === undefined) throw new Error("nothing leased");
      await h.reject(consumer, first, "no such fish");
      await h.nack(consumer, second);
      await h.reject(consumer, third);
      expect(await h.scan(REPLIES)).toMatchObject([
        { event: DIED_EVENT, correlationId: "7", replyTo: undefined, body: { id: "a", reason: "rejected", error: "no such fish" } },
        { event: DIED_EVENT, correlationId: "8", body: { id: "b", reason: "attempts" } },
      ]);
      expect(await h.scan("orders.dead")).toHaveLength(3);
    });

    suite.eachRestart(
      (way) => `D1: the answer is there exactly when the message is dead, after ${way}`,
      async (h, way) => {
        await h.define("orders", { deadLetter: false });
        await h.engine.define(h.address(REPLIES), {});
        await h.publish("orders", REQUEST);
        const consumer = await h.attach("orders");
        // Not waited for: a crash may keep it or lose it, but only whole.
        const rejected = h.engine.settle(consumer, [{ first: (await h.takeOne(consumer)).lease, count: 1, verb: "reject" }]);
        rejected.catch(() => undefined);
        await h.restart(way);
        await h.attach("orders");
        await h.quiet();
        expect(await h.scan(REPLIES)).toHaveLength((await h.stats("orders")).dead);
      },
    );

    suite.case("G1: the answer to a request that died creates no queue", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", REQUEST);
      const consumer = await h.attach("orders");
      await h.reject(consumer, await h.takeOne(consumer));
      expect(exists(h)).toBe(false);
      expect(await h.scan("orders.dead")).toHaveLength(1);
    });

    suite.case("C2: a reply queue keeps no dead letters", async (h) => {
      await h.engine.define(h.address(REPLIES), {});
      expect(h.engine.options(h.address(REPLIES))).toMatchObject({ deadLetter: false, maxAttempts: 3 });
    });

    suite.case("C2: a reply queue that nobody consumed for 10 minutes is removed and told, others are not", async (h) => {
      await h.define("orders");
      await h.engine.define(h.address(REPLIES), {});
      await h.publish(REPLIES, "an answer");
      await h.clock.advance(IDLE_MS - 1);
      expect(exists(h)).toBe(true);
      await h.clock.advance(1);
      await h.until("the queue to be removed", () => h.told.removed.length > 0);
      expect(h.told.removed).toEqual([h.address(REPLIES)]);
      expect(exists(h)).toBe(false);
      expect(h.engine.options(h.address("orders"))).toBeDefined();
    });

    suite.case("C2: a reply queue stays while it is consumed, and its time begins anew when the last consumer goes", async (h) => {
      await h.engine.define(h.address(REPLIES), {});
      const consumer = await h.attach(REPLIES);
      await h.clock.advance(IDLE_MS * 3);
      expect(exists(h)).toBe(true);
      await h.engine.detach(consumer, false);
      await h.clock.advance(IDLE_MS - 1);
      const next = await h.attach(REPLIES);
      await h.engine.detach(next, false);
      await h.clock.advance(IDLE_MS - 1);
      expect(exists(h)).toBe(true);
      await h.clock.advance(1);
      await h.until("the queue to be removed", () => !exists(h));
    });

    suite.eachRestart(
      (way) => `C2: a reply queue that nobody consumes after ${way} is removed`,
      async (h, way) => {
        await h.engine.define(h.address(REPLIES), {});
        await h.attach(REPLIES);
        await h.restart(way);
        await h.clock.advance(IDLE_MS - STEADY.leaseMs);
        expect(exists(h)).toBe(true);
        await h.clock.advance(STEADY.leaseMs);
        await h.until("the queue to be removed", () => !exists(h));
      },
    );
  });
}
