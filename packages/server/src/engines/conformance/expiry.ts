import { LIMITS } from "holdfast-client/protocol";
import { expect } from "vitest";
import { STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** L1, L2, L5: leases that run out, and those that are prolonged. */
export function testExpiry(suite: Suite): void {
  suite.topic("expiry", () => {
    suite.case("L5: a lease that runs out counts, and the message comes again after the backoff, not before", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const [lost, other] = [await h.attach("orders"), await h.attach("orders")];
      await h.takeOne(lost);
      await h.clock.advance(STEADY.leaseMs - 1);
      await h.expectNothing(other);
      await h.clock.advance(1);
      await h.expiries(lost, 1);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ inFlight: 0, delayed: 1 });
      await h.clock.advance(STEADY.backoff.delayMs - 1);
      await h.expectNothing(other);
      await h.clock.advance(1);
      expect(await h.takeOne(other)).toMatchObject({ body: "cod", attempt: 2 });
    });

    suite.case("L2: the number of a lease that ran out is stale", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const old = await h.takeOne(consumer);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      expect(await h.ack(consumer, old)).toEqual(["STALE_LEASE"]);
      await h.clock.advance(STEADY.backoff.delayMs);
      const fresh = await h.takeOne(consumer);
      for (const verb of ["ack", "nack", "reject", "release"] as const) {
        expect(await h.settle(consumer, { first: old.lease, count: 1, verb })).toEqual(["STALE_LEASE"]);
      }
      expect(await h.extend(consumer, old, 60_000)).toEqual(["STALE_LEASE"]);
      expect(await h.ack(consumer, fresh)).toEqual(["ok"]);
    });

    suite.case("C2: a lease that ran out frees the consumer's capacity", async (h) => {
      await h.define("orders");
      await h.publish("orders", 0, 1, 2, 3);
      const consumer = await h.attach("orders", 2);
      await h.take(consumer, 2);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 2);
      expect(h.engine.capacity(consumer)).toBe(2);
      expect(h.engine.leasesOf(consumer)).toEqual([]);
    });

    suite.case("onExpired: the engine names the leases and how many ran out in a row", async (h) => {
      await h.define("orders");
      await h.publish("orders", 0, 1, 2, 3, 4, 5);
      const [silent, busy] = [await h.attach("orders"), await h.attach("orders")];
      const first = await h.take(silent, 2);
      const [settled, forgotten] = await h.take(busy, 2);
      if (settled === undefined || forgotten === undefined) throw new Error("nothing leased");
      await h.ack(busy, settled);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(silent, 2);
      await h.expiries(busy, 1);
      const of = (consumer: number) => h.told.expired.filter((event) => event.consumer === consumer);
      expect(
        of(silent)
          .flatMap(({ leases }) => leases)
          .sort((a, b) => a - b),
      ).toEqual(first.map(({ lease }) => lease));
      expect(of(silent).at(-1)?.inARow).toBe(2);
      expect(of(busy).flatMap(({ leases }) => leases)).toEqual([forgotten.lease]);
      const next = await h.take(silent, 2);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(silent, 4);
      expect(of(silent).at(-1)?.inARow).toBe(4);
      expect(next).toHaveLength(2);
      const again = await h.take(silent, 2);
      expect(await h.ack(silent, ...again.slice(0, 1))).toEqual(["ok"]);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(silent, 5);
      expect(of(silent).at(-1)?.inARow, "a settlement breaks the row").toBe(1);
    });

    suite.case("L1: extend prolongs the lease from now", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const held = await h.takeOne(consumer);
      await h.clock.advance(STEADY.leaseMs - 1);
      expect(await h.extend(consumer, held, 60_000)).toEqual(["ok"]);
      await h.clock.advance(59_999);
      await h.quiet();
      expect(h.told.expired).toEqual([]);
      expect(await h.extend(consumer, held, 30_000)).toEqual(["ok"]);
      await h.clock.advance(29_999);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1 });
      await h.clock.advance(1);
      await h.expiries(consumer, 1);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 2 });
    });

    suite.case("L1: extend may also shorten a lease", async (h) => {
      await h.define("orders", { leaseMs: 600_000 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      expect(await h.extend(consumer, await h.takeOne(consumer), 2_000)).toEqual(["ok"]);
      await h.clock.advance(1_999);
      await h.quiet();
      expect(h.told.expired).toEqual([]);
      await h.clock.advance(1);
      await h.expiries(consumer, 1);
    });

    suite.case("extend: below or above the range of a lease it is refused and changes nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const held = await h.takeOne(consumer);
      for (const leaseMs of [0, LIMITS.leaseMsMin - 1, LIMITS.leaseMsMax + 1]) {
        expect(await h.extend(consumer, held, leaseMs)).toEqual(["BAD_REQUEST"]);
      }
      expect(await h.extend(consumer, held, LIMITS.leaseMsMin)).toEqual(["ok"]);
      expect(await h.extend(consumer, held, LIMITS.leaseMsMax)).toEqual(["ok"]);
      expect(await h.ack(consumer, held)).toEqual(["ok"]);
    });

    suite.case("L5: leases of several queues run out each at its own time", async (h) => {
      await h.define("slow", { leaseMs: 50_000 });
      await h.define("fast", { leaseMs: 2_000 });
      await h.publish("slow", "cod");
      await h.publish("fast", "hake");
      const [slow, fast] = [await h.attach("slow"), await h.attach("fast")];
      await h.takeOne(slow);
      await h.takeOne(fast);
      await h.clock.advance(2_000);
      await h.expiries(fast, 1);
      await h.clock.advance(47_999);
      await h.quiet();
      expect(h.told.expired.some(({ consumer }) => consumer === slow)).toBe(false);
      await h.clock.advance(1);
      await h.expiries(slow, 1);
    });
  });
}
