import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import { bodiesOf } from "./messages.js";
import type { Suite } from "./suite.js";

const keyed = (key: string, ...bodies: (string | number)[]): { key: string; body: string | number }[] =>
  bodies.map((body) => ({ key, body }));

/** Acks what comes, one message at a time, and returns the bodies in the order they came. */
async function drain(h: Harness, consumer: number, count: number): Promise<unknown[]> {
  const bodies: unknown[] = [];
  while (bodies.length < count) {
    const taken = await h.lease(consumer);
    bodies.push(...bodiesOf(taken));
    if (taken.length > 0) await h.ack(consumer, ...taken);
    else await h.quiet();
  }
  return bodies;
}

/** O1 to O4 for `ordering: "key"`. */
export function testKeyOrder(suite: Suite): void {
  suite.topic("order by key", () => {
    suite.case("O1: one delivery of a key is in flight, and other keys go on", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a", "a1", "a2", "a3"), ...keyed("b", "b1", "b2"), ...keyed("c", "c1"));
      const [first, second] = [await h.attach("orders"), await h.attach("orders")];
      const taken = await h.take(first, 3);
      expect(bodiesOf(taken)).toEqual(["a1", "b1", "c1"]);
      await h.expectNothing(second);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 3, parked: 3, ready: 0 });
      const [a1] = taken;
      if (a1 === undefined) throw new Error("nothing leased");
      await h.ack(first, a1);
      expect(await h.takeOne(second)).toMatchObject({ body: "a2", attempt: 1 });
      await h.expectNothing(first);
    });

    suite.case(
      "D1, O1: a message that was about to be sent to a consumer that left, and comes back from another, is there once",
      async (h) => {
        await h.define("orders", { ordering: "key" });
        const first = await h.attach("orders", 1);
        await h.expectNothing(first);
        await h.publish("orders", ...keyed("a", "a1"));
        const [, second] = await Promise.all([h.engine.detach(first, false), h.attach("orders", 1)]);
        await h.quiet();
        const taken = h.engine.lease(second, 1, 1_000_000);
        await Promise.all([taken, h.engine.detach(second, true)]);
        await h.checkCounts();
        const third = await h.attach("orders", 10);
        await h.ack(third, await h.takeOne(third));
        await h.expectNothing(third);
        await h.restart("reopen");
        await h.expectNothing(await h.attach("orders"));
        await h.checkCounts();
      },
    );

    suite.case("O1: the next of a key comes only after the settlement before it is durable", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a", "a1", "a2"));
      const consumer = await h.attach("orders");
      const a1 = await h.takeOne(consumer);
      const settled = h.ack(consumer, a1);
      expect(await h.lease(consumer), "in the turn of the settlement").toEqual([]);
      await settled;
      expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
    });

    suite.case("O1: a message without a key is refused, and the others of its publish are stored", async (h) => {
      await h.define("orders", { ordering: "key" });
      const fates = await h.publish("orders", { key: "a", body: 1 }, { body: 2 }, { key: "b", body: 3 });
      expect(fates).toMatchObject([{ sequence: 1 }, { error: "BAD_REQUEST" }, { sequence: 2 }]);
      await expect(h.publishAll({ queue: "orders", drafts: [{ key: "a", body: 1 }, "none"] })).rejects.toMatchObject({
        code: "BAD_REQUEST",
        retryable: false,
      });
      expect(await h.stats("orders")).toMatchObject({ published: 2 });
    });

    suite.case("O2: a nacked message is followed only once it is done, and holds nobody but its key", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a", "a1", "a2"), ...keyed("b", "b1", "b2"));
      const consumer = await h.attach("orders");
      const [a1, b1] = await h.take(consumer, 2);
      if (!a1 || !b1) throw new Error("nothing leased");
      await h.nack(consumer, a1, { delayMs: 5_000 });
      await h.ack(consumer, b1);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "b2" });
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ delayed: 1, parked: 1, inFlight: 1 });
      await h.clock.advance(4_999);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      const again = await h.takeOne(consumer);
      expect(again).toMatchObject({ body: "a1", attempt: 2 });
      await h.expectNothing(consumer);
      await h.ack(consumer, again);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "a2", attempt: 1 });
    });

    suite.case("O2: an expired lease, a release and a lost consumer keep the order of the key", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a", 1, 2, 3));
      const lost = await h.attach("orders");
      await h.release(lost, await h.takeOne(lost));
      expect(await h.takeOne(lost)).toMatchObject({ body: 1, attempt: 1 });
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(lost, 1);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(lost)).toMatchObject({ body: 1, attempt: 2 });
      await h.engine.detach(lost, true);
      const consumer = await h.attach("orders");
      expect(await h.takeOne(consumer)).toMatchObject({ body: 1, attempt: 3 });
      await h.expectNothing(consumer);
    });

    suite.eachRestart(
      (way) => `O2, L4: order and attempts are kept after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "key" });
        await h.publish("orders", ...keyed("a", "a1", "a2", "a3"), ...keyed("b", "b1", "b2"), ...keyed("c", "c1", "c2"));
        const before = await h.attach("orders", 2);
        const [a1, b1] = await h.take(before, 2);
        if (!a1 || !b1) throw new Error("nothing leased");
        await h.ack(before, a1);
        await h.takeOne(before);
        await h.nack(before, b1, { delayMs: 3_000 });
        await h.restart(way);
        const consumer = await h.attach("orders");
        const attempt = way === "crash" ? 2 : 1;
        const [a2, c1] = (await h.take(consumer, 2)).sort((a, b) => a.sequence - b.sequence);
        expect([a2, c1]).toMatchObject([
          { body: "a2", attempt },
          { body: "c1", attempt: 1 },
        ]);
        await h.expectNothing(consumer);
        await h.clock.advance(3_000);
        expect(await h.takeOne(consumer)).toMatchObject({ body: "b1", attempt: 2 });
        await h.expectNothing(consumer);
        if (a2 !== undefined) await h.ack(consumer, a2);
        expect(await h.takeOne(consumer)).toMatchObject({ body: "a3", attempt: 1 });
      },
    );

    suite.eachRestart(
      (way) => `L4: a delivery that needed no commit of its own counts after ${way}, unless that was graceful`,
      async (h, way) => {
        await h.define("orders", { ordering: "key" });
        const before = await h.attach("orders", 10);
        await h.expectNothing(before);
        await h.publish("orders", ...keyed("a", "a1", "a2"), ...keyed("b", "b1"));
        const [a1] = await h.take(before, 2);
        if (a1 === undefined) throw new Error("nothing leased");
        await h.ack(before, a1);
        expect(await h.lease(before)).toMatchObject([{ body: "a2", attempt: 1 }]);
        await h.restart(way);
        const attempt = way === "crash" ? 2 : 1;
        const consumer = await h.attach("orders", 10);
        const taken = (await h.take(consumer, 2)).sort((a, b) => a.sequence - b.sequence);
        expect(taken).toMatchObject([
          { body: "a2", attempt },
          { body: "b1", attempt },
        ]);
      },
    );

    suite.eachRestart(
      (way) => `O2: a clock set back over ${way} changes no order`,
      async (h, way) => {
        await h.define("orders", { ordering: "key" });
        await h.clock.advance(3_600_000);
        await h.publish("orders", ...keyed("a", 1, 2));
        const before = await h.attach("orders", 1);
        await h.release(before, await h.takeOne(before));
        h.clock.jump(-3_600_000);
        await h.restart(way);
        await h.publish("orders", ...keyed("a", 3));
        expect(await drain(h, await h.attach("orders"), 3)).toEqual([1, 2, 3]);
      },
    );

    suite.case("O4: one stuck key with a thousand behind it does not stop the others, nor lose its order", async (h) => {
      await h.define("orders", { ordering: "key" });
      const stuck = Array.from({ length: 1_500 }, (_, index) => ({ key: "stuck", body: index }));
      await h.publish("orders", ...stuck.slice(0, 750), ...keyed("free", "f1"), ...stuck.slice(750), ...keyed("free", "f2"));
      const consumer = await h.attach("orders");
      const [head, f1] = await h.take(consumer, 2);
      if (!head || !f1) throw new Error("nothing leased");
      expect([head.body, f1.body]).toEqual([0, "f1"]);
      await h.ack(consumer, f1);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "f2" });
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ parked: 1_499, inFlight: 2 });
      await h.ack(consumer, head);
      expect(await drain(h, consumer, 1_499)).toEqual(stuck.slice(1).map(({ body }) => body));
    });

    suite.eachRestart(
      (way) => `O2: what waits behind a stuck key is in order after ${way}, published before or after`,
      async (h, way) => {
        await h.define("orders", { ordering: "key" });
        const stuck = Array.from({ length: 1_000 }, (_, index) => ({ key: "stuck", body: index }));
        await h.publish("orders", ...stuck.slice(0, 700));
        const before = await h.attach("orders");
        await h.release(before, await h.takeOne(before));
        await h.takeOne(before);
        await h.expectNothing(before);
        await h.restart(way);
        const consumer = await h.attach("orders");
        const head = await h.takeOne(consumer);
        expect(head.body).toBe(0);
        await h.publish("orders", ...stuck.slice(700), ...keyed("free", "f1"));
        expect(await h.takeOne(consumer)).toMatchObject({ body: "f1" });
        await h.ack(consumer, head);
        expect(await drain(h, consumer, 999)).toEqual(stuck.slice(1).map(({ body }) => body));
      },
    );

    suite.case("O1: of ten thousand keys none stays behind", async (h) => {
      await h.define("orders", { ordering: "key" });
      const keys = Array.from({ length: 10_000 }, (_, index) => ({ key: `key-${index}`, body: index }));
      await h.publish("orders", ...keys);
      const consumer = await h.attach("orders", 10_000);
      expect(await drain(h, consumer, 10_000)).toEqual(keys.map(({ body }) => body));
      expect(await h.stats("orders")).toMatchObject({ acked: 10_000, ready: 0, parked: 0, blocked: 0 });
    });

    suite.case("O2: the ordering changes only while the queue is empty", async (h) => {
      await h.define("orders");
      await h.publish("orders", { key: "a", body: 1 });
      await expect(h.engine.define(h.address("orders"), { ordering: "key" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
      const consumer = await h.attach("orders");
      await h.ack(consumer, await h.takeOne(consumer));
      await h.engine.detach(consumer, false);
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a", 2, 3));
      const again = await h.attach("orders");
      expect(await h.takeOne(again)).toMatchObject({ body: 2 });
      await h.expectNothing(again);
    });
  });
}
