import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { bodiesOf, codesOf, type Delivery, range } from "./messages.js";
import type { Suite } from "./suite.js";

/** More than memory keeps for a key that is stuck. */
const SPILLED = 600;

/** Publishes until the oldest messages, which may have to be read first, gave way. */
async function publishUntilStored(h: Harness, key: string, ...numbers: number[]): Promise<void> {
  for (const body of numbers) {
    await h.until("the oldest messages are read", async () => (await h.publish("orders", { key, body }))[0]?.error === undefined);
  }
}

/** Takes and acknowledges so many messages, one after the other. */
async function consume(h: Harness, consumer: number, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const delivery = await h.takeOne(consumer);
    numbers.push(Number(delivery.body));
    await h.ack(consumer, delivery);
  }
  return numbers;
}

/** The numbers are in order, in a queue ordered by key those of each key: the key is the number modulo how many keys there are. */
function expectOrder(numbers: readonly number[], ordering: "key" | "fifo", keys: number): void {
  for (const key of ordering === "key" ? range(keys) : [undefined]) {
    const inKey = numbers.filter((number) => key === undefined || number % keys === key);
    expect(inKey).toEqual([...inKey].sort((a, b) => a - b));
  }
}

/** `overflow: "dead-letter-oldest"` in queues with an order. */
export function testOverflowOrder(suite: Suite): void {
  suite.topic("overflow of ordered queues", () => {
    suite.case("D1: whatever its key, the oldest message that is not in flight gives way, and each key stays in order", async (h) => {
      await h.define("orders", { ordering: "key", depthMax: 6, overflow: "dead-letter-oldest" });
      const consumer = await h.attach("orders", 4);
      await h.publish("orders", { key: "a", body: 1 }, { key: "b", body: 2 }, { key: "a", body: 3 }, { key: "b", body: 4 });
      const held = await h.take(consumer, 2);
      expect(bodiesOf(held)).toEqual([1, 2]);
      await h.publish("orders", { key: "c", body: 5 }, { key: "b", body: 6 });
      // 5 is in flight too, since its key was free.
      held.push(await h.takeOne(consumer));
      await h.publish("orders", { key: "a", body: 7 }, { key: "b", body: 8 });
      expect(await h.bodies("orders.dead")).toEqual([3, 4]);
      expect(await h.bodies("orders")).toEqual([1, 2, 5, 6, 7, 8]);
      await h.ack(consumer, ...held);
      const next = await h.take(consumer, 2);
      expect(bodiesOf(next).sort()).toEqual([6, 7]);
      await h.ack(consumer, ...next);
      expect(bodiesOf(await h.take(consumer, 1))).toEqual([8]);
      await h.checkCounts();
    });

    suite.case("D1: in a fifo queue the oldest that nobody holds gives way, also one that waits for its next attempt", async (h) => {
      await h.define("orders", { ordering: "fifo", depthMax: 4, overflow: "dead-letter-oldest" });
      await h.publish("orders", 1, 2, 3, 4);
      const consumer = await h.attach("orders", 1);
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000, reason: "busy" });
      await h.expectNothing(consumer);
      await h.publish("orders", 5);
      expect((await h.scan("orders.dead")).map(({ body, history }) => [body, Object(history).reason, Object(history).attempts])).toEqual([
        [1, "overflow", 1],
      ]);
      // What waited for it goes on.
      const second = await h.takeOne(consumer);
      expect(second.body).toBe(2);
      await h.publish("orders", 6, 7);
      expect(await h.bodies("orders.dead")).toEqual([1, 3, 4]);
      await h.ack(consumer, second);
      expect(await consume(h, consumer, 3)).toEqual([5, 6, 7]);
      await h.checkCounts();
    });

    for (const ordering of ["key", "fifo"] as const) {
      suite.case(`D1: nobody consumes: the oldest gives way, and messages of one publish each other, ordered by ${ordering}`, async (h) => {
        await h.define("orders", { ordering, depthMax: 3, overflow: "dead-letter-oldest" });
        const keyed = (numbers: number[]) => numbers.map((body) => ({ key: `key ${body % 4}`, body }));
        await Promise.all([h.publish("orders", ...keyed(range(10))), h.publish("orders", ...keyed(range(10, 10)))]);
        await h.publishAll({ queue: "orders", drafts: keyed([20, 21]) });
        expect(await h.bodies("orders")).toEqual([19, 20, 21]);
        expect(await h.bodies("orders.dead")).toEqual(range(19));
        const consumer = await h.attach("orders", 3);
        const taken = await h.take(consumer, 3);
        expect(taken.map(({ body, attempt }) => [body, attempt])).toEqual([
          [19, 1],
          [20, 1],
          [21, 1],
        ]);
        await h.ack(consumer, ...taken);
        await h.checkCounts();
      });

      suite.case(`L3, D1: with a consumer at work every message is delivered or dead, once and in order, by ${ordering}`, async (h) => {
        await h.define("orders", { ordering, depthMax: 9, overflow: "dead-letter-oldest" });
        const consumer = await h.attach("orders", 3);
        const acked: number[] = [];
        for (let round = 0; round < 60; round++) {
          const drafts = (part: number) =>
            range(1 + ((round + part) % 3), round * 100 + part * 10).map((body) => ({ key: `key ${body % 3}`, body }));
          const publishes = [0, 1, 2].map((part) => h.publish("orders", ...drafts(part)));
          if (round % 2 === 0) await Promise.all(publishes);
          const taken = await h.lease(consumer, 3);
          acked.push(...taken.map(({ body }) => Number(body)));
          const [first, ...others] = taken;
          if (first !== undefined && round % 5 === 0) {
            // With it come those of a fifo queue that were leased after it.
            acked.splice(acked.length - taken.length, taken.length);
            for (const delivery of [...others].reverse()) await h.release(consumer, delivery);
            await h.release(consumer, first);
          } else await h.ack(consumer, ...taken);
          await Promise.all(publishes);
        }
        const all = [...acked, ...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))];
        expect(all, "none twice").toHaveLength(new Set(all).size);
        expect(all).toHaveLength((await h.stats("orders")).published);
        expect(acked.length).toBeGreaterThan(60);
        expectOrder(acked, ordering, 3);
        await h.checkCounts();
      });

      suite.eachRestart(
        (way) => `D1: after ${way} the oldest gives way, none is lost, and the order holds, by ${ordering}`,
        async (h, way) => {
          await h.define("orders", { ordering, depthMax: 10, overflow: "dead-letter-oldest" });
          await h.publish("orders", ...range(10).map((body) => ({ key: `key ${body % 2}`, body })));
          const consumer = await h.attach("orders", 2);
          const taken = await h.take(consumer, 2);
          expect(bodiesOf(taken)).toEqual([0, 1]);
          await h.nack(consumer, taken[0] as Delivery, { delayMs: 60_000 });
          await h.restart(way);
          await publishUntilStored(h, "key 0", 10, 11, 12);
          const dead = await h.bodies("orders.dead");
          expect(dead).toEqual([0, 1, 2]);
          expect(await h.bodies("orders")).toEqual(range(10, 3));
          const later = await h.attach("orders", 1);
          expectOrder(await consume(h, later, 10), ordering, 2);
          await h.checkCounts();
        },
      );
    }

    suite.case("D1, O1: messages of a stuck key that are in the store alone give way in order", async (h) => {
      await h.define("orders", { ordering: "key", depthMax: SPILLED + 2, overflow: "dead-letter-oldest" });
      await h.publish("orders", { key: "stuck", body: 0 });
      const consumer = await h.attach("orders", 2);
      const stuck = await h.takeOne(consumer);
      await h.publish("orders", ...range(SPILLED, 1).map((body) => ({ key: "stuck", body })), { key: "free", body: SPILLED + 1 });
      // It comes to this one past all the others.
      const free = await h.takeOne(consumer);
      expect(free.body).toBe(SPILLED + 1);
      const more = range(500, 1_000);
      await publishUntilStored(h, "stuck", ...more);
      expect(await h.bodies("orders.dead")).toEqual(range(more.length, 1));
      await h.ack(consumer, stuck, free);
      expect(await consume(h, consumer, 110)).toEqual([...range(SPILLED - more.length, more.length + 1), ...range(10, 1_000)]);
      await h.checkCounts();
    });

    suite.case("D1: a message that the log is not looked through for yet is no older than those that wait", async (h) => {
      await h.define("orders", { ordering: "key", depthMax: 4, overflow: "dead-letter-oldest" });
      const consumer = await h.attach("orders", 1);
      await h.publish("orders", { key: "a", body: 1 }, { key: "a", body: 2 }, { key: "b", body: 3 });
      const first = await h.takeOne(consumer);
      await h.release(consumer, first);
      await h.publish("orders", { key: "b", body: 4 }, { key: "b", body: 5 });
      expect(await h.bodies("orders.dead")).toEqual([1]);
      expect((await h.takeOne(consumer)).body).toBe(2);
    });

    suite.case(
      "a key that is held for somebody's decision is not let go for a publish: poison and overflow exclude each other",
      async (h) => {
        for (const ordering of ["key", "fifo"] as const) {
          const options = { ordering, poison: "block", overflow: "dead-letter-oldest" } as const;
          await expect(h.define("orders", options)).rejects.toMatchObject({
            code: "BAD_REQUEST",
            message: expect.stringContaining("poison"),
          });
        }
        await h.define("orders", { ordering: "key", poison: "block", depthMax: 1 });
        await expect(h.define("orders", { overflow: "dead-letter-oldest" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
        await h.publish("orders", { key: "a", body: 1 });
        expect(codesOf(await h.publish("orders", { key: "a", body: 2 }))).toEqual(["QUEUE_FULL"]);
      },
    );
  });
}
