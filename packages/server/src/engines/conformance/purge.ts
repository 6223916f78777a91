import { expect } from "vitest";
import { servesAgain } from "./failures.js";
import type { Harness } from "./harness.js";
import type { Suite } from "./suite.js";

const purge = (h: Harness, queue: string): Promise<number> => h.engine.purge(h.address(queue));

/** Publishes messages that are delayed, in flight and ready, and dead letters; resolves to the consumer and what it holds. */
async function everyState(h: Harness, queue: string): Promise<{ consumer: number; held: Awaited<ReturnType<Harness["take"]>> }> {
  await h.publish(queue, "delayed", "again", "dead", "held", "held too");
  const consumer = await h.attach(queue);
  const [delayed, again, dead, ...held] = await h.take(consumer, 5);
  if (delayed === undefined || again === undefined || dead === undefined) throw new Error("nothing leased");
  await h.nack(consumer, delayed, { delayMs: 60_000 });
  await h.reject(consumer, dead);
  await h.release(consumer, again);
  held.push(await h.takeOne(consumer));
  await h.publish(queue, "ready", "ready too");
  return { consumer, held };
}

/** G1: purge. */
export function testPurge(suite: Suite): void {
  suite.topic("purge", () => {
    suite.case("G1: ready, delayed and in-flight messages go, dead letters stay, and C1 the counts add up", async (h) => {
      await h.define("orders");
      const { consumer, held } = await everyState(h, "orders");
      expect(await purge(h, "orders")).toBe(6);
      expect(await h.stats("orders")).toMatchObject({ published: 7, purged: 6, dead: 1, ready: 0, inFlight: 0, delayed: 0, bytes: 0 });
      expect(await h.scan("orders")).toEqual([]);
      expect(await h.bodies("orders.dead")).toEqual(["dead"]);
      expect(await h.ack(consumer, ...held)).toEqual(held.map(() => "STALE_LEASE"));
      await h.clock.advance(120_000);
      await h.expectNothing(consumer);
      expect(h.told.expired).toEqual([]);
    });

    suite.case("G1: leases are stale at once, their consumer is told and has its capacity back", async (h) => {
      await h.define("orders");
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders", 3);
      const held = await h.take(consumer, 3);
      const purged = purge(h, "orders");
      const settled = h.ack(consumer, ...held);
      expect(await purged).toBe(3);
      expect(await settled).toEqual(["STALE_LEASE", "STALE_LEASE", "STALE_LEASE"]);
      expect(h.engine.capacity(consumer)).toBe(3);
      expect(h.told.revoked).toEqual([{ consumer, leases: held.map(({ lease }) => lease) }]);
      await h.publish("orders", 4);
      expect(await h.takeOne(consumer)).toMatchObject({ body: 4, attempt: 1 });
      expect(await h.stats("orders")).toMatchObject({ acked: 0, purged: 3 });
    });

    suite.case("G1: what was appended before the call goes, what was appended after it stays, though all is one commit", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      const before = h.publish("orders", "before");
      const purged = purge(h, "orders");
      const after = h.publish("orders", "after");
      expect(await purged).toBe(1);
      const [[old], [young]] = [await before, await after];
      expect(old?.sequence).toBeLessThan(young?.sequence ?? 0);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "after", sequence: young?.sequence });
      expect(await h.bodies("orders")).toEqual(["after"]);
    });

    suite.case("G1: a lease that waits for the purge's commit brings nothing of what was purged", async (h) => {
      await h.define("orders");
      await h.publish("orders", "again", "later");
      const consumer = await h.attach("orders");
      for (const delivery of await h.take(consumer, 2)) await h.nack(consumer, delivery, { delayMs: 100 });
      await h.clock.advance(100);
      await h.quiet();
      // A message of the due list is shown only with the next commit.
      const leased = h.lease(consumer);
      expect(await purge(h, "orders")).toBe(2);
      expect(await leased).toEqual([]);
      await h.expectNothing(consumer);
    });

    suite.case("G1: a message that comes back in the purge's own commit goes too", async (h) => {
      await h.define("orders");
      await h.publish("orders", "nacked", "released");
      const consumer = await h.attach("orders");
      const [nacked, released] = await h.take(consumer, 2);
      if (nacked === undefined || released === undefined) throw new Error("nothing leased");
      const settled = [h.nack(consumer, nacked, { delayMs: 0 }), h.release(consumer, released)];
      expect(await purge(h, "orders")).toBe(2);
      expect(await Promise.all(settled)).toEqual([["ok"], ["ok"]]);
      await h.expectNothing(consumer);
    });

    suite.case("G1: messages that only wait for their time go too, newer ones come when they are due", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders", 10_000);
      await h.publish("orders", ...Array.from({ length: 2_500 }, (_, index) => index));
      for (const delivery of await h.take(consumer, 2_500)) void h.nack(consumer, delivery, { delayMs: 1_000 + delivery.sequence });
      await h.until("all wait", async () => (await h.stats("orders")).delayed === 2_500);
      expect(await purge(h, "orders")).toBe(2_500);
      await h.publish("orders", "new");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 2_000 });
      expect(await h.stats("orders")).toMatchObject({ delayed: 1, purged: 2_500 });
      await h.clock.advance(60_000);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "new", attempt: 2 });
      await h.expectNothing(consumer);
    });

    for (const soon of [true, false]) {
      suite.eachRestart(
        (way) => `G1: nothing of it comes again after ${way} ${soon ? "right after the reply" : "once its space was cleared"}`,
        async (h, way) => {
          await h.define("orders");
          await everyState(h, "orders");
          await purge(h, "orders");
          await h.publish("orders", "new");
          if (!soon) for (let round = 0; round < 20; round++) await h.quiet();
          await h.restart(way);
          expect(await h.bodies("orders")).toEqual(["new"]);
          const consumer = await h.attach("orders");
          expect(await h.takeOne(consumer)).toMatchObject({ body: "new" });
          await h.clock.advance(120_000);
          await h.until("nothing else", async () => (await h.lease(consumer)).every(({ body }) => body === "new"));
          expect(await h.stats("orders")).toMatchObject({ published: 8, purged: 6, dead: 1 });
          await h.restart(way);
          expect(await h.bodies("orders")).toEqual(["new"]);
        },
      );
    }

    suite.eachRestart(
      (way) => `G1: a second purge while the first is being cleared, then ${way}`,
      async (h, way) => {
        await h.define("orders");
        await everyState(h, "orders");
        const first = purge(h, "orders");
        await h.publish("orders", "between");
        const second = purge(h, "orders");
        expect([await first, await second]).toEqual([6, 1]);
        const third = h.publish("orders", "last");
        await third;
        await h.restart(way);
        expect(await h.bodies("orders")).toEqual(["last"]);
        expect(await h.stats("orders")).toMatchObject({ purged: 7, ready: 1 });
      },
    );

    suite.case("G1: a long backlog goes in one small step, and its queue goes on", async (h) => {
      await h.define("orders");
      for (let batch = 0; batch < 20; batch++) await h.publish("orders", ...Array.from({ length: 1_000 }, (_, index) => `body ${index}`));
      const consumer = await h.attach("orders");
      await h.take(consumer, 500);
      expect(await purge(h, "orders")).toBe(20_000);
      await h.publish("orders", "next");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "next", sequence: 20_001 });
    });

    suite.case("P4: ids and producers' numbers of what was purged are remembered", async (h) => {
      await h.define("orders");
      const producer = { id: "producer-1", firstNumber: 1, oldestOpen: 1 };
      const [chosen] = await h.publish("orders", { id: "a", body: "cod" });
      const [numbered] = await h.produce("orders", producer, "hake");
      expect(await purge(h, "orders")).toBe(2);
      expect(await h.publish("orders", { id: "a", body: "cod" })).toEqual([{ ...chosen, duplicate: true }]);
      expect(await h.produce("orders", producer, "hake")).toEqual([{ ...numbered, duplicate: true }]);
      expect(await h.scan("orders")).toEqual([]);
    });

    suite.case("G1: an empty queue has nothing to purge, one that is not there is NOT_FOUND", async (h) => {
      await h.define("orders");
      expect(await purge(h, "orders")).toBe(0);
      await h.publish("orders", "cod");
      expect([await purge(h, "orders"), await purge(h, "orders")]).toEqual([1, 0]);
      await expect(purge(h, "invoices")).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.case("G1: other queues are not touched, and a queue removed while it is cleared stays gone", async (h) => {
      await h.define("orders", { deadLetter: false });
      await h.define("invoices", { deadLetter: false });
      await h.publish("orders", 1, 2);
      await h.publish("invoices", "stays");
      await purge(h, "orders");
      await h.engine.remove(h.address("orders"));
      await h.define("orders", { deadLetter: false });
      await h.publish("orders", "new");
      await h.quiet();
      expect([await h.bodies("orders"), await h.bodies("invoices")]).toEqual([["new"], ["stays"]]);
    });

    suite.case("G1: a dead-letter queue is purged as any other", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.reject(consumer, await h.takeOne(consumer));
      expect(await purge(h, "orders.dead")).toBe(1);
      expect(await h.stats("orders.dead")).toMatchObject({ published: 1, purged: 1, ready: 0 });
      expect(await h.stats("orders")).toMatchObject({ dead: 1, purged: 0 });
    });

    if (suite.failures) {
      for (const kept of [true, false]) {
        suite.case(
          `G1: a purge whose commit fails ${kept ? "but is kept" : "and is lost"} is UNKNOWN, and is whole or not at all`,
          async (h) => {
            await h.define("orders");
            await everyState(h, "orders");
            h.failNextCommit(kept);
            await expect(purge(h, "orders")).rejects.toMatchObject({ code: "UNKNOWN" });
            await servesAgain(h);
            const left = await h.bodies("orders");
            expect(left).toHaveLength(kept ? 0 : 6);
            expect(await h.stats("orders")).toMatchObject({ purged: kept ? 6 : 0 });
          },
        );
      }
    }

    for (const ordering of ["key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `G1: ordered by ${ordering}, what waits, what was given back and what is in flight is gone, also after ${way}`,
        async (h, way) => {
          await h.define("orders", { ordering });
          const bodies = Array.from({ length: 700 }, (_, body) => ({ key: `key-${body % 2}`, body }));
          await h.publish("orders", ...bodies);
          const consumer = await h.attach("orders", 3);
          const [first] = await h.take(consumer, ordering === "key" ? 2 : 3);
          if (first === undefined) throw new Error("nothing leased");
          await h.nack(consumer, first, { delayMs: 1_000 });
          await h.expectNothing(consumer);
          expect(await h.engine.purge(h.address("orders"))).toBe(700);
          const fates = await h.publish("orders", { key: "key-0", body: "new" }, { key: "key-1", body: "newer" });
          expect(fates).toMatchObject([{ sequence: 701 }, { sequence: 702 }]);
          expect(await h.take(consumer, 2)).toMatchObject([
            { body: "new", attempt: 1 },
            { body: "newer", attempt: 1 },
          ]);
          await h.restart(way);
          expect(await h.stats("orders")).toMatchObject({ purged: 700, ready: 2, parked: 0, delayed: 0, blocked: 0 });
          const again = await h.attach("orders", 10);
          const attempt = way === "crash" ? 2 : 1;
          expect((await h.take(again, 2)).sort((a, b) => a.sequence - b.sequence)).toMatchObject([
            { body: "new", attempt },
            { body: "newer", attempt },
          ]);
          await h.clock.advance(60_000);
          await h.quiet();
          expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["new", "newer"]);
        },
      );
    }
  });
}
