import { expect } from "vitest";
import { STEADY } from "./harness.js";
import type { Delivery } from "./messages.js";
import type { Suite } from "./suite.js";

const texts = (count: number, size = 1): string[] => Array.from({ length: count }, (_, index) => String(index).padStart(size, "."));

/** L1 and the bounds of a consumer. */
export function testLease(suite: Suite): void {
  suite.topic("lease", () => {
    suite.case("L1: competing consumers never hold the same message", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...texts(300));
      const consumers = await Promise.all([h.attach("orders"), h.attach("orders"), h.attach("orders")]);
      const held: string[] = [];
      await h.until("every message", async () => {
        const batches = await Promise.all(consumers.map((consumer) => h.lease(consumer, 37)));
        held.push(...batches.flat().map(({ body }) => String(body)));
        return held.length >= 300;
      });
      expect(new Set(held).size).toBe(300);
      expect(held).toHaveLength(300);
      for (const consumer of consumers) await h.expectNothing(consumer);
    });

    suite.case("L1: messages come in the order of their sequences when nothing failed", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...texts(250));
      const consumer = await h.attach("orders");
      const bodies: unknown[] = [];
      while (bodies.length < 250) {
        const batch = await h.take(consumer, Math.min(40, 250 - bodies.length));
        bodies.push(...batch.map(({ body }) => body));
      }
      expect(bodies).toEqual(texts(250));
    });

    suite.case("L1: leases of one call have consecutive numbers and one end; no number comes twice", async (h) => {
      await h.define("orders", { leaseMs: 5_000 });
      await h.publish("orders", ...texts(60));
      const [one, two] = [await h.attach("orders"), await h.attach("orders")];
      const seen = new Set<number>();
      for (let round = 0; round < 6; round++) {
        const leased = await h.take(round % 2 === 0 ? one : two, 10);
        const first = leased[0]?.lease ?? 0;
        expect(leased.map(({ lease }) => lease)).toEqual(Array.from({ length: 10 }, (_, index) => first + index));
        expect(leased.map(({ leaseUntil }) => leaseUntil)).toEqual(new Array(10).fill(h.clock.now() + 5_000));
        for (const { lease } of leased) seen.add(lease);
        await h.clock.advance(10);
      }
      expect(seen.size).toBe(60);
    });

    suite.case("C2: a consumer holds at most maxInFlight", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...texts(20));
      const consumer = await h.attach("orders", 7);
      expect(h.engine.capacity(consumer)).toBe(7);
      const held = await h.take(consumer, 7);
      expect(h.engine.capacity(consumer)).toBe(0);
      expect(await h.lease(consumer)).toEqual([]);
      await h.ack(consumer, ...held.slice(0, 3));
      expect(h.engine.capacity(consumer)).toBe(3);
      await h.take(consumer, 3);
      expect(await h.lease(consumer, 100)).toEqual([]);
    });

    suite.case("C2: the engine knows which leases a consumer holds", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...texts(6));
      const consumer = await h.attach("orders");
      expect(h.engine.leasesOf(consumer)).toEqual([]);
      const held = await h.take(consumer, 6);
      expect(h.engine.leasesOf(consumer)).toEqual(held.map(({ lease }) => lease));
      const [first, second, third, ...rest] = held;
      if (first === undefined || second === undefined || third === undefined) throw new Error("nothing leased");
      await h.ack(consumer, second);
      await h.nack(consumer, first, { delayMs: 0 });
      await h.extend(consumer, third, 60_000);
      expect(h.engine.leasesOf(consumer)).toEqual([third, ...rest].map(({ lease }) => lease));
      await h.engine.detach(consumer, false);
      expect(h.engine.leasesOf(consumer)).toEqual([]);
    });

    suite.case("the engine knows about how many messages wait, and never too few", async (h) => {
      await h.define("orders", { ordering: "key" });
      const consumer = await h.attach("orders");
      const atLeast = async (ready: number): Promise<void> => {
        const waiting = h.engine.waiting(consumer);
        expect(waiting).toBeGreaterThanOrEqual(ready);
        expect((await h.stats("orders")).ready).toBe(ready);
      };
      await atLeast(0);
      await h.publish("orders", { body: "a1", key: "a" }, { body: "a2", key: "a" }, { body: "b1", key: "b" });
      await h.publish("orders", { body: "late", key: "c", delayMs: 1_000 });
      await atLeast(2);
      const held = await h.take(consumer, 2);
      await atLeast(0);
      await h.nack(consumer, held[0] as Delivery, { delayMs: 0 });
      await atLeast(1);
      await h.clock.advance(1_000);
      await atLeast(2);
      await h.engine.detach(consumer, false);
      expect(h.engine.waiting(consumer)).toBe(0);
    });

    suite.case("C2: an unknown consumer has no capacity and gets nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.engine.detach(consumer, false);
      for (const unknown of [consumer, 999_999]) {
        expect(h.engine.capacity(unknown)).toBe(0);
        expect(h.engine.leasesOf(unknown)).toEqual([]);
        const leased = await h.lease(unknown).catch((error: unknown) => String(Object(error).code));
        expect(["NOT_FOUND", []]).toContainEqual(leased);
      }
    });

    suite.case("C2: one call gives about bytesMax, yet always at least one message", async (h) => {
      await h.define("orders");
      await h.publish("orders", ...texts(50, 1_000));
      const consumer = await h.attach("orders");
      await h.take(consumer, 1);
      const some = await h.lease(consumer, 50, 10_000);
      expect(some.length).toBeGreaterThanOrEqual(8);
      expect(some.length).toBeLessThanOrEqual(11);
      expect(await h.lease(consumer, 50, 1)).toHaveLength(1);
      expect(await h.lease(consumer, 3)).toHaveLength(3);
    });

    suite.case("L1: a newer delivery has a newer number, whatever ended the one before", async (h) => {
      await h.define("orders", { maxAttempts: 0 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      let last = 0;
      const newer = async (by: number): Promise<Delivery> => {
        const delivery = await h.takeOne(by);
        expect(delivery.lease).toBeGreaterThan(last);
        last = delivery.lease;
        return delivery;
      };
      await h.nack(consumer, await newer(consumer), { delayMs: 0 });
      await h.release(consumer, await newer(consumer));
      await newer(consumer);
      await h.clock.advance(STEADY.leaseMs + STEADY.backoff.delayMs);
      await newer(consumer);
      await h.engine.detach(consumer, true);
      const other = await h.attach("orders");
      await h.reject(other, await newer(other));
      await h.engine.redrive(h.address("orders"), undefined);
      await newer(other);
    });

    suite.case("L1: what is leased is not leased again before its lease ends", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const [one, two] = [await h.attach("orders"), await h.attach("orders")];
      await h.takeOne(one);
      await h.clock.advance(STEADY.leaseMs - 1);
      await h.expectNothing(one);
      await h.expectNothing(two);
      expect(await h.stats("orders")).toMatchObject({ ready: 0, inFlight: 1, consumers: 2 });
    });
  });
}
