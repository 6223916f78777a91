import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** Where a message is: in its queue, in the dead letters, or both, which must never be. */
async function places(h: Harness, body: unknown): Promise<string[]> {
  const found: string[] = [];
  for (const queue of ["orders", "orders.dead"]) {
    const known = h.engine.options(h.address(queue)) !== undefined;
    const seen = known ? await h.scan(queue) : [];
    found.push(...seen.filter((message) => message.body === body).map(() => queue));
  }
  return found;
}

/** D1: a message is in exactly one place. */
export function testDeadLetter(suite: Suite): void {
  suite.topic("dead letters", () => {
    suite.case("D1: a rejected message moves with its fields, its reason and its history", async (h) => {
      await h.define("orders");
      const fields = { id: "a", event: "order", key: "4", headers: { trace: "1" }, replyTo: "answers", correlationId: "7" };
      const publishedAt = h.clock.now();
      const [receipt] = await h.publish("orders", { body: { item: "cod" }, ...fields });
      await h.clock.advance(500);
      const consumer = await h.attach("orders");
      expect(await h.reject(consumer, await h.takeOne(consumer), "no such fish")).toEqual(["ok"]);
      expect(await h.scan("orders")).toEqual([]);
      const history = {
        queue: "orders",
        sequence: receipt?.sequence,
        reason: "rejected",
        error: "no such fish",
        attempts: 1,
        publishedAt,
        deadAt: publishedAt + 500,
      };
      const [dead] = await h.scan("orders.dead");
      expect(dead).toMatchObject({ body: { item: "cod" }, ...fields, state: "ready", attempts: 0 });
      expect(dead?.history).toMatchObject(history);
      expect(await h.stats("orders")).toMatchObject({ dead: 1, ready: 0, inFlight: 0 });
    });

    suite.case("D1: the last nack's reason goes along", async (h) => {
      await h.define("orders", { maxAttempts: 2 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0, reason: "first" });
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0, reason: "second" });
      expect(await h.scan("orders.dead")).toMatchObject([{ history: { reason: "attempts", error: "second", attempts: 2 } }]);
    });

    suite.case("D1: bodies of every kind arrive in the dead letters byte for byte", async (h) => {
      await h.define("orders");
      const binary = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      const bodies = [binary, new Uint8Array(0), "ü", { image: binary, n: [1] }, null];
      await h.publish("orders", ...bodies.map((body) => ({ body })));
      const before = await h.scan("orders");
      const consumer = await h.attach("orders");
      for (const held of await h.take(consumer, bodies.length)) await h.reject(consumer, held);
      const dead = await h.scan("orders.dead");
      expect(dead.map(({ id, body, bodyBytes }) => ({ id, body, bodyBytes }))).toEqual(
        before.map(({ id, body, bodyBytes }) => ({ id, body, bodyBytes })),
      );
    });

    suite.eachRestart(
      (way) => `D1: after ${way} each message is in exactly one place`,
      async (h, way) => {
        await h.define("orders");
        const bodies = Array.from({ length: 60 }, (_, index) => `body ${index}`);
        await h.publish("orders", ...bodies);
        const consumer = await h.attach("orders");
        const held = await h.take(consumer, 40);
        for (const delivery of held.slice(0, 20)) await h.reject(consumer, delivery, "bad");
        await h.restart(way);
        for (const [index, body] of bodies.entries()) expect(await places(h, body)).toEqual([index < 20 ? "orders.dead" : "orders"]);
        expect(await h.stats("orders")).toMatchObject({ dead: 20, published: 60 });
        expect(await h.scan("orders.dead")).toMatchObject(new Array(20).fill({ history: { reason: "rejected", error: "bad" } }));
      },
    );

    suite.case("D1: a dead letter's id does not clash with one published to the dead-letter queue", async (h) => {
      await h.define("orders");
      await h.define("orders.dead", { maxAttempts: 0, deadLetter: false });
      await h.publish("orders.dead", { id: "a", body: "mine" });
      await h.publish("orders", { id: "a", body: "cod" });
      const consumer = await h.attach("orders");
      await h.reject(consumer, await h.takeOne(consumer));
      expect((await h.scan("orders.dead")).map(({ body }) => body)).toEqual(["mine", "cod"]);
    });

    suite.case("D1: a dead-letter queue may have any name and serve several queues", async (h) => {
      await h.define("orders", { deadLetter: "failed" });
      await h.define("invoices", { deadLetter: "failed" });
      for (const queue of ["orders", "invoices"]) {
        await h.publish(queue, `of ${queue}`);
        const consumer = await h.attach(queue);
        await h.reject(consumer, await h.takeOne(consumer));
      }
      expect(await h.scan("failed")).toMatchObject([
        { body: "of orders", history: { queue: "orders" } },
        { body: "of invoices", history: { queue: "invoices" } },
      ]);
    });

    suite.case("D1: a dead letter may die again, in another queue, with its newest history", async (h) => {
      await h.define("orders", { deadLetter: "second" });
      await h.define("second", { deadLetter: "third", maxAttempts: 3 });
      await h.publish("orders", "cod");
      for (const queue of ["orders", "second"]) {
        const consumer = await h.attach(queue);
        await h.reject(consumer, await h.takeOne(consumer), `bad in ${queue}`);
      }
      expect(await h.scan("third")).toMatchObject([{ body: "cod", history: { queue: "second", error: "bad in second" } }]);
      expect(await h.scan("second")).toEqual([]);
    });

    suite.case("L4: dead letters have no limit of attempts and no dead letters of their own", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.reject(consumer, await h.takeOne(consumer));
      expect(h.engine.options(h.address("orders.dead"))).toMatchObject({ maxAttempts: 0, deadLetter: false });
      const reader = await h.attach("orders.dead");
      for (let attempt = 1; attempt <= 12; attempt++) {
        const held = await h.takeOne(reader);
        expect(held).toMatchObject({ body: "cod", attempt, history: { queue: "orders" } });
        await h.nack(reader, held, { delayMs: 0 });
      }
      expect(h.engine.options(h.address("orders.dead.dead"))).toBeUndefined();
    });

    suite.case("D1: a consumer of the dead letters is told of a new one and can ack it", async (h) => {
      await h.define("orders");
      await h.define("orders.dead", { maxAttempts: 0, deadLetter: false });
      await h.publish("orders", "cod");
      const [consumer, reader] = [await h.attach("orders"), await h.attach("orders.dead")];
      expect(await h.lease(reader)).toEqual([]);
      h.told.clear();
      await h.reject(consumer, await h.takeOne(consumer));
      await h.until("a hint", () => h.told.work.some(({ queue }) => queue === "orders.dead"));
      expect(await h.ack(reader, await h.takeOne(reader))).toEqual(["ok"]);
      expect(await h.scan("orders.dead")).toEqual([]);
    });

    suite.case("C1: without a dead-letter queue a dead message is discarded and counted", async (h) => {
      await h.define("orders", { deadLetter: false, maxAttempts: 1 });
      await h.publish("orders", "rejected", "late", "nacked");
      const consumer = await h.attach("orders");
      const [rejected, late, nacked] = await h.take(consumer, 3);
      if (rejected === undefined || late === undefined || nacked === undefined) throw new Error("nothing leased");
      await h.reject(consumer, rejected);
      await h.nack(consumer, nacked);
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ dead: 3, ready: 0, delayed: 0, inFlight: 0, bytes: 0 });
      expect((await h.engine.list("/", undefined, 10)).items).toEqual(["orders"]);
    });
  });
}
