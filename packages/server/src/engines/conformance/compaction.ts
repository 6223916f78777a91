import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Delivery } from "./messages.js";
import type { Suite } from "./suite.js";

const BLOCKS = 20;
const BLOCK = 50;
const TOTAL = BLOCKS * BLOCK;
/** One message of each block survives; which one differs from block to block. */
const survives = (index: number): boolean => index % BLOCK === (7 * Math.floor(index / BLOCK)) % BLOCK;
const SURVIVORS = Array.from({ length: TOTAL }, (_, index) => index).filter(survives);

/** Longer than an engine leaves a block with few survivors alone. */
const PATIENCE_MS = 60_000;
const LEASE_MS = 3_600_000;

const bodyOf = (index: number): string => String(index).padEnd(512, ".");
const indexOf = (body: unknown): number => Number.parseInt(String(body), 10);
const indexesOf = (deliveries: readonly { readonly body: unknown }[]): number[] => deliveries.map(({ body }) => indexOf(body));

/** Stores blocks, acks all but the survivors, and gives the engine time to give their room back. */
async function holdSurvivors(h: Harness, queue: string): Promise<{ consumer: number; held: Delivery[] }> {
  for (let start = 0; start < TOTAL; start += BLOCK) {
    await h.publish(queue, ...Array.from({ length: BLOCK }, (_, index) => bodyOf(start + index)));
  }
  const consumer = await h.attach(queue, TOTAL);
  const taken = await h.take(consumer, TOTAL);
  await h.ack(consumer, ...taken.filter(({ body }) => !survives(indexOf(body))));
  await settleDown(h);
  return { consumer, held: taken.filter(({ body }) => survives(indexOf(body))) };
}

async function settleDown(h: Harness): Promise<void> {
  await h.quiet();
  await h.clock.advance(PATIENCE_MS);
  await h.quiet();
}

/** Messages that outlive most of their block, whose room is given back. */
export function testCompaction(suite: Suite): void {
  suite.topic("survivors of a block", () => {
    suite.case("L1: keep their leases, and are seen as they were", async (h) => {
      await h.define("orders", { leaseMs: LEASE_MS });
      const { consumer, held } = await holdSurvivors(h, "orders");
      const seen = await h.scan("orders");
      expect(seen.map(({ body, state, attempts }) => [indexOf(body), state, attempts])).toEqual(
        SURVIVORS.map((index) => [index, "in-flight", 1]),
      );
      await h.expectNothing(consumer);
      expect(new Set(await h.ack(consumer, ...held))).toEqual(new Set(["ok"]));
      expect(await h.stats("orders")).toMatchObject({ acked: TOTAL, ready: 0, inFlight: 0, bytes: 0 });
    });

    suite.case("come again byte for byte after nack, release and expiry, with their attempts", async (h) => {
      await h.define("orders", { leaseMs: LEASE_MS });
      const { consumer, held } = await holdSurvivors(h, "orders");
      const [nacked, released, ...rest] = held;
      if (nacked === undefined || released === undefined) throw new Error("nothing survived");
      await h.nack(consumer, nacked, { delayMs: 0 });
      await h.release(consumer, released);
      const again = await h.take(consumer, 2);
      expect(again.map(({ body, attempt }) => [body, attempt]).sort()).toEqual(
        [
          [nacked.body, 2],
          [released.body, 1],
        ].sort(),
      );
      await h.clock.advance(2 * LEASE_MS);
      await h.expiries(consumer, held.length);
      const late = await h.take(consumer, held.length);
      expect(late.map(({ body }) => body).sort()).toEqual(held.map(({ body }) => body).sort());
      expect(late.filter(({ attempt }) => attempt === 2)).toHaveLength(rest.length + 1);
    });

    suite.case("D1: die with their body", async (h) => {
      await h.define("orders", { leaseMs: LEASE_MS });
      const { consumer, held } = await holdSurvivors(h, "orders");
      for (const delivery of held) await h.reject(consumer, delivery);
      expect((await h.scan("orders.dead")).map(({ body }) => body)).toEqual(held.map(({ body }) => body));
    });

    suite.case("G1: are purged", async (h) => {
      await h.define("orders", { leaseMs: LEASE_MS });
      const { consumer, held } = await holdSurvivors(h, "orders");
      expect(await h.engine.purge(h.address("orders"))).toBe(held.length);
      expect(await h.scan("orders")).toEqual([]);
      expect(new Set(await h.ack(consumer, ...held))).toEqual(new Set(["STALE_LEASE"]));
      await h.publish("orders", "new");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "new" });
    });

    suite.case("may become fewer, again and again", async (h) => {
      await h.define("orders", { leaseMs: LEASE_MS });
      await h.publish("orders", ...Array.from({ length: 400 }, (_, index) => bodyOf(index)));
      const consumer = await h.attach("orders", 400);
      let held = await h.take(consumer, 400);
      for (const part of [3, 3, 4]) {
        await h.ack(consumer, ...held.filter((_, index) => index % part !== 0));
        held = held.filter((_, index) => index % part === 0);
        await settleDown(h);
        expect(indexesOf(await h.scan("orders"))).toEqual(indexesOf(held));
      }
      await h.engine.detach(consumer, true);
      const left = await h.take(await h.attach("orders"), held.length);
      expect(left.map(({ body, attempt }) => [body, attempt])).toEqual(held.map(({ body }) => [body, 2]));
    });

    suite.eachRestart(
      (way) => `P1: are there after ${way}, with the attempts that count`,
      async (h, way) => {
        await h.define("orders", { leaseMs: LEASE_MS });
        const { consumer, held } = await holdSurvivors(h, "orders");
        // One more is settled in its new form.
        const [gone, ...left] = held;
        if (gone === undefined) throw new Error("nothing survived");
        await h.ack(consumer, gone);
        await h.restart(way);
        expect((await h.scan("orders")).map(({ body }) => body)).toEqual(left.map(({ body }) => body));
        const again = await h.take(await h.attach("orders", TOTAL), left.length);
        const attempt = way === "crash" ? 2 : 1;
        expect(again.map((delivery) => [delivery.body, delivery.sequence, delivery.attempt])).toEqual(
          left.map(({ body, sequence }) => [body, sequence, attempt]),
        );
      },
    );

    suite.eachRestart(
      (way) => `O1, O2: of keys keep their order, also after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "key", leaseMs: LEASE_MS });
        const stuck = Array.from({ length: 5 }, (_, index) => ({ key: "stuck", body: bodyOf(index) }));
        const others = Array.from({ length: 95 }, (_, index) => ({ key: `key-${index}`, body: bodyOf(100 + index) }));
        await h.publish("orders", ...stuck, ...others);
        const consumer = await h.attach("orders", 200);
        const held = await h.take(consumer, 96);
        const [first, ...free] = held;
        if (first === undefined) throw new Error("nothing leased");
        await h.ack(consumer, ...free);
        await settleDown(h);
        expect(indexesOf(await h.scan("orders"))).toEqual([0, 1, 2, 3, 4]);
        await h.ack(consumer, first);
        const second = await h.takeOne(consumer);
        expect(indexOf(second.body)).toBe(1);
        await settleDown(h);
        await h.restart(way);
        const next = await h.attach("orders", 200);
        for (const index of [1, 2, 3, 4]) {
          const delivery = await h.takeOne(next);
          expect([indexOf(delivery.body), delivery.attempt]).toEqual([index, index === 1 && way === "crash" ? 2 : 1]);
          await h.ack(next, delivery);
        }
      },
    );
  });
}
