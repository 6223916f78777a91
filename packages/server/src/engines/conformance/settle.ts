import { LIMITS } from "holdfast-client/protocol";
import { expect } from "vitest";
import { STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** L2, L3, T1: what each verb does, and that each lease is settled once by whoever holds it. */
export function testSettle(suite: Suite): void {
  suite.topic("settle", () => {
    suite.case("L3: what is acked does not come again", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod", "hake", "ling");
      const consumer = await h.attach("orders");
      const held = await h.take(consumer, 3);
      expect(await h.ack(consumer, ...held)).toEqual(["ok", "ok", "ok"]);
      await h.clock.advance(STEADY.leaseMs * 3);
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ acked: 3, ready: 0, inFlight: 0, bytes: 0 });
    });

    suite.case("L2, L3: what many consumers settle together has a fate of its own for each", async (h) => {
      await h.define("orders");
      await h.define("bills");
      await h.publish("orders", "cod");
      await h.publish("bills", "hake");
      const [orders, bills] = [await h.attach("orders"), await h.attach("bills")];
      const [cod] = await h.take(orders, 1);
      const [hake] = await h.take(bills, 1);
      const [codLease, hakeLease] = [cod?.lease ?? 0, hake?.lease ?? 0];
      const results = await h.engine.settleAll([
        { consumer: orders, runs: [{ first: codLease, count: 1, verb: "ack" }] },
        // Another one's, and one's own.
        { consumer: bills, runs: [codLease, hakeLease].map((first) => ({ first, count: 1, verb: "ack" })) },
        { consumer: 0, runs: [{ first: hakeLease, count: 1, verb: "ack" }] },
      ]);
      const fates = results.map((runs) => runs.map(({ count, error }) => [count, error?.code]));
      expect(fates).toEqual([
        [[1, undefined]],
        [
          [1, "STALE_LEASE"],
          [1, undefined],
        ],
        [[1, "STALE_LEASE"]],
      ]);
      expect(await h.stats("orders")).toMatchObject({ acked: 1, inFlight: 0 });
      expect(await h.stats("bills")).toMatchObject({ acked: 1, inFlight: 0 });
    });

    suite.eachRestart(
      (way) => `L3: what is acked does not come again after ${way}`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", ...Array.from({ length: 40 }, (_, index) => index));
        const consumer = await h.attach("orders");
        const held = await h.take(consumer, 30);
        const even = held.filter(({ body }) => Number(body) % 2 === 0);
        expect(await h.ack(consumer, ...even)).toEqual(even.map(() => "ok"));
        await h.restart(way);
        const left = await h.take(await h.attach("orders"), 25);
        expect(left.map(({ body }) => Number(body)).sort((a, b) => a - b)).toEqual([
          ...held.filter((delivery) => !even.includes(delivery)).map(({ body }) => Number(body)),
          ...Array.from({ length: 10 }, (_, index) => 30 + index),
        ]);
      },
    );

    for (const ordering of ["key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `L3: ordered by ${ordering}, what is acked does not come again after ${way}, at whatever attempt`,
        async (h, way) => {
          await h.define("orders", { ordering });
          await h.publish("orders", ...[1, 2, 3, 4].map((body) => ({ key: "a", body })));
          const before = await h.attach("orders", 1);
          await h.nack(before, await h.takeOne(before), { delayMs: 0 });
          await h.ack(before, await h.takeOne(before));
          await h.ack(before, await h.takeOne(before));
          await h.restart(way);
          const consumer = await h.attach("orders", 1);
          for (const body of [3, 4]) {
            const delivery = await h.takeOne(consumer);
            expect(delivery).toMatchObject({ body, attempt: 1 });
            await h.ack(consumer, delivery);
          }
          await h.expectNothing(consumer);
        },
      );
    }

    suite.case("L2: a lease settles once; again, with any verb, is stale and changes nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const held = await h.takeOne(consumer);
      const run = { first: held.lease, count: 1 };
      expect(await h.settle(consumer, { ...run, verb: "ack" }, { ...run, verb: "ack" })).toEqual(["ok", "STALE_LEASE"]);
      for (const verb of ["ack", "nack", "reject", "release"] as const) {
        expect(await h.settle(consumer, { ...run, verb })).toEqual(["STALE_LEASE"]);
      }
      expect(await h.extend(consumer, held, 60_000)).toEqual(["STALE_LEASE"]);
      expect(await h.stats("orders")).toMatchObject({ acked: 1, dead: 0, ready: 0, delayed: 0, inFlight: 0 });
    });

    suite.case("L2: a lease of another consumer, or one never given, is stale", async (h) => {
      await h.define("orders");
      await h.define("invoices");
      await h.publish("orders", "cod");
      const [holder, other, elsewhere] = [await h.attach("orders"), await h.attach("orders"), await h.attach("invoices")];
      const held = await h.takeOne(holder);
      for (const thief of [other, elsewhere, 999_999]) {
        for (const verb of ["ack", "nack", "reject", "release"] as const) {
          expect(await h.settle(thief, { first: held.lease, count: 1, verb })).toEqual(["STALE_LEASE"]);
        }
        expect(await h.extend(thief, held, 60_000)).toEqual(["STALE_LEASE"]);
      }
      expect(await h.settle(holder, { first: held.lease + 1, count: 2, verb: "ack" })).toEqual(["STALE_LEASE", "STALE_LEASE"]);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1, acked: 0 });
      expect(await h.ack(holder, held)).toEqual(["ok"]);
    });

    suite.case("L2: of a run, each lease has its own fate", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      await h.publish("orders", "before");
      await h.ack(consumer, await h.takeOne(consumer));
      await h.publish("orders", "0", "1", "2", "3", "4");
      const [first, second, third] = await h.take(consumer, 5);
      if (first === undefined || second === undefined || third === undefined) throw new Error("nothing leased");
      await h.ack(consumer, second);
      const outcomes = await h.settle(
        consumer,
        { first: first.lease - 1, count: 4, verb: "ack" },
        { first: third.lease, count: 9, verb: "release" },
      );
      expect(outcomes.slice(0, 4)).toEqual(["STALE_LEASE", "ok", "STALE_LEASE", "ok"]);
      expect(outcomes.slice(4)).toEqual(["STALE_LEASE", "ok", "ok", ...new Array(6).fill("STALE_LEASE")]);
      expect(await h.stats("orders")).toMatchObject({ acked: 4, ready: 2 });
    });

    suite.case("L2: the number of a lease that came back is stale, the message's new one is not", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const old = await h.takeOne(consumer);
      await h.release(consumer, old);
      const fresh = await h.takeOne(consumer);
      expect(fresh.lease).toBeGreaterThan(old.lease);
      expect(await h.ack(consumer, old)).toEqual(["STALE_LEASE"]);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1, acked: 0 });
      expect(await h.ack(consumer, fresh)).toEqual(["ok"]);
    });

    suite.case("L5: released, a message is ready at once and the attempt does not count", async (h) => {
      await h.define("orders", { maxAttempts: 2 });
      await h.publish("orders", "cod");
      const [one, two] = [await h.attach("orders"), await h.attach("orders")];
      for (let round = 0; round < 4; round++) {
        const held = await h.takeOne(round % 2 === 0 ? one : two);
        expect(held.attempt).toBe(1);
        expect(await h.release(round % 2 === 0 ? one : two, held)).toEqual(["ok"]);
      }
      expect(await h.stats("orders")).toMatchObject({ ready: 1, dead: 0 });
    });

    suite.case("L4: nack counts, and the message comes again at once when told so", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      expect(await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 })).toEqual(["ok"]);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "cod", attempt: 2 });
    });

    suite.case("T1: a nack's delay is kept to the millisecond, then the message comes", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 3_600_000 });
      expect(await h.stats("orders")).toMatchObject({ delayed: 1, ready: 0, inFlight: 0 });
      await h.clock.advance(3_599_999);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "cod", attempt: 2 });
    });

    suite.case("T1: the longest delay of a year is kept", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: LIMITS.delayMsMax });
      await h.clock.advance(LIMITS.delayMsMax - 1);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt: 2 });
    });

    suite.case("T1: messages come when they are due, the sooner one first", async (h) => {
      await h.define("orders");
      await h.publish("orders", "late", "soon");
      const consumer = await h.attach("orders");
      const [late, soon] = await h.take(consumer, 2);
      if (late === undefined || soon === undefined) throw new Error("nothing leased");
      await h.nack(consumer, late, { delayMs: 20_000 });
      await h.nack(consumer, soon, { delayMs: 10_000 });
      await h.clock.advance(10_000);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "soon" });
      await h.expectNothing(consumer);
      await h.clock.advance(9_999);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "late" });
    });

    suite.eachRestart(
      (way) => `T1: a nack's delay survives ${way}, and neither ends early nor counts again`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "cod", "hake");
        const consumer = await h.attach("orders");
        const [cod] = await h.take(consumer, 1);
        if (cod === undefined) throw new Error("nothing leased");
        await h.nack(consumer, cod, { delayMs: 60_000 });
        await h.clock.advance(20_000);
        await h.restart(way);
        expect(await h.stats("orders")).toMatchObject({ delayed: 1, ready: 1 });
        const next = await h.attach("orders");
        await h.ack(next, await h.takeOne(next));
        await h.clock.advance(39_999);
        await h.expectNothing(next);
        await h.clock.advance(1);
        expect(await h.takeOne(next)).toMatchObject({ body: "cod", attempt: 2 });
      },
    );

    suite.eachRestart(
      (way) => `T1: what became due during ${way} comes afterwards`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const consumer = await h.attach("orders");
        await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 });
        await h.clock.advance(60_000);
        await h.restart(way);
        expect(await h.takeOne(await h.attach("orders"))).toMatchObject({ body: "cod", attempt: 2 });
      },
    );
  });
}
