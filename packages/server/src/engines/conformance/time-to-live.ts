import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { bodiesOf } from "./messages.js";
import type { Suite } from "./suite.js";

const YEAR_MS = 31_536_000_000;
/** How late an expired message that nobody asks for may show as such. */
const LATE_MS = 1_000;

async function died(h: Harness, queue: string, count: number): Promise<void> {
  await h.until(`${count} expired in ${queue}`, async () => (await h.stats(queue)).dead === count);
  // What is counted is durable, and seen by a scan, a little later.
  await h.quiet();
}

/** Lets all be moved and looked at that is due. */
async function pass(h: Harness, ms: number): Promise<void> {
  await h.clock.advance(ms);
  await h.quiet();
}

/** T2: an expired message is never delivered, first or again. */
export function testTimeToLive(suite: Suite): void {
  suite.topic("time to live", () => {
    for (const ordering of ["none", "key", "fifo"] as const) testOrdering(suite, ordering);
    testDefaults(suite);
    testPlaces(suite);
    testBulk(suite);
  });
}

function testOrdering(suite: Suite, ordering: "none" | "key" | "fifo"): void {
  const key = "table-4";

  suite.case(`T2: ${ordering}: an expired message is not delivered, the next one of its key is`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish("orders", { body: "short", key, ttlMs: 1_500 }, { body: "long", key, ttlMs: 60_000 }, { body: "for ever", key });
    // Before the second in which the index is looked through.
    await h.clock.advance(1_500);
    const consumer = await h.attach("orders");
    for (const body of ["long", "for ever"]) {
      const delivery = await h.takeOne(consumer);
      expect(delivery.body).toBe(body);
      await h.ack(consumer, delivery);
    }
    expect(await h.stats("orders")).toMatchObject({ dead: 1, expired: 0, acked: 2, ready: 0 });
    const [letter] = await h.scan("orders.dead");
    expect(letter).toMatchObject({ body: "short", history: { reason: "expired", attempts: 0, queue: "orders" } });
  });

  suite.case(`T2: ${ordering}: a message is delivered up to the last millisecond`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish("orders", { body: "short", key, ttlMs: 1_500 });
    await h.clock.advance(1_499);
    expect((await h.takeOne(await h.attach("orders"))).body).toBe("short");
  });

  suite.case(`T2: ${ordering}: without a consumer it expires within a second all the same`, async (h) => {
    // Of one key one is ready.
    const isKey = ordering === "key";
    await h.define("orders", { ordering });
    await h.publish("orders", { body: "for ever", key }, { body: 1, key, ttlMs: 2_500 }, { body: 2, key, ttlMs: 5_000 }, { body: 3, key });
    await h.clock.advance(2_499);
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ ready: isKey ? 1 : 4, parked: isKey ? 3 : 0, dead: 0 });
    await h.clock.advance(1 + LATE_MS);
    await died(h, "orders", 1);
    expect(bodiesOf(await h.scan("orders"))).toEqual(["for ever", 2, 3]);
    await h.clock.advance(2_500);
    await died(h, "orders", 2);
    expect(bodiesOf(await h.scan("orders"))).toEqual(["for ever", 3]);
    expect(bodiesOf(await h.scan("orders.dead"))).toEqual([1, 2]);
    await pass(h, 60_000);
    expect(await h.stats("orders")).toMatchObject({ ready: isKey ? 1 : 2, parked: isKey ? 1 : 0, dead: 2, expired: 0 });
  });

  suite.case(`T2: ${ordering}: without a dead-letter queue it is counted as expired, and never as dead`, async (h) => {
    await h.define("orders", { ordering, deadLetter: false });
    await h.publish("orders", { body: 1, key, ttlMs: 1_000 }, { body: 2, key, ttlMs: 3_000 });
    await h.clock.advance(1_000);
    const consumer = await h.attach("orders");
    const delivery = await h.takeOne(consumer);
    expect(delivery.body).toBe(2);
    await h.clock.advance(3_000);
    await h.nack(consumer, delivery);
    expect(await h.stats("orders")).toMatchObject({ expired: 2, dead: 0, ready: 0, inFlight: 0, delayed: 0, bytes: 0 });
  });

  suite.case(`T2: ${ordering}: in flight as its time passes it may be acked`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish("orders", { body: 1, key, ttlMs: 2_000 });
    const consumer = await h.attach("orders");
    const delivery = await h.takeOne(consumer);
    await pass(h, 5_000);
    expect(await h.stats("orders")).toMatchObject({ inFlight: 1, dead: 0 });
    expect(await h.ack(consumer, delivery)).toEqual(["ok"]);
    expect(await h.stats("orders")).toMatchObject({ acked: 1, dead: 0, expired: 0 });
  });

  for (const how of ["nack", "release", "expiry", "detach"] as const) {
    suite.case(`T2: ${ordering}: in flight as its time passes it does not come again after ${how}`, async (h) => {
      await h.define("orders", { ordering });
      await h.publish("orders", { body: 1, key, ttlMs: 2_000 }, { body: 2, key });
      const consumer = await h.attach("orders", 1);
      const delivery = await h.takeOne(consumer);
      await pass(h, 2_000);
      if (how === "nack") await h.nack(consumer, delivery);
      if (how === "release") await h.release(consumer, delivery);
      if (how === "expiry") {
        await h.clock.advance(8_000);
        await h.expiries(consumer, 1);
      }
      if (how === "detach") await h.engine.detach(consumer, true);
      const other = how === "detach" ? await h.attach("orders", 1) : consumer;
      expect((await h.takeOne(other)).body).toBe(2);
      expect(await h.stats("orders")).toMatchObject({ dead: 1, inFlight: 1 });
      expect(await h.scan("orders.dead")).toMatchObject([{ body: 1, history: { reason: "expired" } }]);
    });
  }

  suite.case(`T2: ${ordering}: given back with a delay it expires while it waits, with a consumer or without`, async (h) => {
    await h.define("orders", { ordering });
    const consumer = await h.attach("orders");
    for (const key of ["a", "b"]) {
      await h.publish("orders", { body: key, key, ttlMs: 4_000 });
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000, reason: "busy" });
      if (key === "b") await h.engine.detach(consumer, false);
      expect(await h.stats("orders")).toMatchObject({ delayed: 1 });
      await h.clock.advance(4_000 + LATE_MS);
      await died(h, "orders", key === "a" ? 1 : 2);
    }
    expect(await h.stats("orders")).toMatchObject({ delayed: 0, ready: 0, parked: 0, bytes: 0 });
    expect((await h.scan("orders.dead")).map(({ history }) => history)).toMatchObject([
      { reason: "expired", error: "busy", attempts: 1 },
      { reason: "expired", error: "busy", attempts: 1 },
    ]);
  });

  suite.eachRestart(
    (way) => `T2: ${ordering}: it holds across ${way}, also of what was in flight`,
    async (h, way) => {
      await h.define("orders", { ordering });
      await h.publish(
        "orders",
        { body: "held", key: "a", ttlMs: 3_000 },
        { body: "waits", key: "b", ttlMs: 3_000 },
        { body: "ok", key: "c" },
      );
      const consumer = await h.attach("orders", 1);
      await h.takeOne(consumer);
      await h.restart(way);
      await h.clock.advance(2_999);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ ready: 3, dead: 0 });
      await h.clock.advance(1 + LATE_MS);
      await died(h, "orders", 2);
      const other = await h.attach("orders");
      expect(await h.takeOne(other)).toMatchObject({ body: "ok" });
      await h.expectNothing(other);
      expect(bodiesOf(await h.scan("orders.dead")).sort()).toEqual(["held", "waits"]);
    },
  );

  suite.eachRestart(
    (way) => `T2: ${ordering}: what expired while nothing ran is not delivered after ${way}`,
    async (h, way) => {
      await h.define("orders", { ordering });
      const consumer = await h.attach("orders", 2);
      await h.publish(
        "orders",
        { body: "nacked", key: "a", ttlMs: 3_000 },
        { body: "held", key: "b", ttlMs: 3_000 },
        { body: "waits", key: "c", ttlMs: 3_000 },
        { body: "late", key: "d", ttlMs: 3_000, delayMs: 1_000 },
        { body: "ok", key: "e" },
      );
      const [nacked] = await h.take(consumer, 2);
      if (nacked === undefined) throw new Error("a delivery expected");
      await h.nack(consumer, nacked, { delayMs: 500 });
      await h.restart(way);
      h.clock.jump(3_600_000);
      await h.restart(way);
      const other = await h.attach("orders");
      expect(await h.takeOne(other)).toMatchObject({ body: "ok" });
      await h.expectNothing(other);
      await died(h, "orders", 4);
    },
  );

  suite.case(`T2, C1: ${ordering}: a purge takes what may expire, and its time changes nothing any more`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish("orders", { body: 1, key, ttlMs: 2_000 }, { body: 2, key, ttlMs: 2_000, delayMs: 1_000 });
    const consumer = await h.attach("orders");
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 });
    expect(await h.engine.purge(h.address("orders"))).toBe(2);
    await h.publish("orders", { body: 3, key, ttlMs: 2_000 });
    await h.clock.advance(1_999);
    const kept = await h.takeOne(consumer);
    expect(kept.body).toBe(3);
    await h.ack(consumer, kept);
    await pass(h, 10_000);
    expect(await h.stats("orders")).toMatchObject({ purged: 2, dead: 0 });
  });

  suite.case(`T2: ${ordering}: redriven, its time to live begins anew`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish("orders", { body: 1, key, ttlMs: 2_000, delayMs: 500 });
    await h.clock.advance(2_000 + LATE_MS);
    await died(h, "orders", 1);
    await pass(h, 60_000);
    expect(await h.engine.redrive(h.address("orders"), undefined)).toBe(1);
    const consumer = await h.attach("orders");
    const delivery = await h.takeOne(consumer);
    expect(delivery).toMatchObject({ body: 1, attempt: 1, publishedAt: h.clock.now() });
    await h.clock.advance(2_000);
    await h.nack(consumer, delivery);
    expect(await h.stats("orders")).toMatchObject({ dead: 2, redriven: 1, ready: 0 });
  });
}

function testDefaults(suite: Suite): void {
  suite.eachRestart(
    (way) => `T2: ttlMs of the queue counts for messages without one that are published while it is in force, also after ${way}`,
    async (h, way) => {
      await h.define("orders");
      await h.publish("orders", "before");
      await h.define("orders", { ttlMs: 5_000 });
      await h.publish(
        "orders",
        "default",
        { body: "own", ttlMs: 60_000 },
        { body: "for ever", ttlMs: 0 },
        { body: "late", delayMs: 1_000 },
      );
      await h.define("orders", { ttlMs: 0 });
      await h.publish("orders", "after");
      await h.restart(way);
      await h.clock.advance(5_000 + LATE_MS);
      await died(h, "orders", 2);
      expect(bodiesOf(await h.scan("orders"))).toEqual(["before", "own", "for ever", "after"]);
      expect(bodiesOf(await h.scan("orders.dead")).sort()).toEqual(["default", "late"]);
    },
  );

  suite.case("T2, P3: the queue's time to live leaves a message as it was, with all its fields", async (h) => {
    await h.define("orders", { ttlMs: 5_000, ordering: "key" });
    const draft = { id: "order-17", body: { cod: 1 }, key: "k", event: "e", headers: { a: "b" }, replyTo: "replies", correlationId: "c" };
    await h.publish("orders", draft, { ...draft, id: "order-18", delayMs: 1 });
    await pass(h, 1);
    const consumer = await h.attach("orders");
    const first = await h.takeOne(consumer);
    expect(first).toMatchObject({ ...draft, chosenId: true });
    await h.reject(consumer, first);
    expect(await h.takeOne(consumer)).toMatchObject({ ...draft, id: "order-18" });
    expect(await h.scan("orders.dead")).toMatchObject([{ ...draft, history: { reason: "rejected" } }]);
    expect(await h.engine.redrive(h.address("orders"), undefined)).toBe(1);
    await h.checkCounts();
  });

  suite.case("a time to live of a year is taken, a longer one is BAD_REQUEST", async (h) => {
    await h.define("orders");
    const fates = await h.publish("orders", { body: 1, ttlMs: YEAR_MS }, { body: 2, ttlMs: YEAR_MS + 1 });
    expect(fates.map(({ error }) => error)).toEqual([undefined, "BAD_REQUEST"]);
  });
}

function testPlaces(suite: Suite): void {
  suite.case("T2: a message that expires before its delay is over dies when it expires", async (h) => {
    await h.define("orders");
    await h.publish("orders", { body: 1, delayMs: 60_000, ttlMs: 2_000 }, { body: 2, delayMs: 2_000, ttlMs: 2_001 });
    await pass(h, 1_999);
    expect(await h.stats("orders")).toMatchObject({ delayed: 2, dead: 0 });
    await h.clock.advance(1);
    await died(h, "orders", 1);
    expect(bodiesOf(await h.take(await h.attach("orders"), 1))).toEqual([2]);
  });

  suite.eachRestart(
    (way) => `T2: a message with a priority expires in its level, asked for or not, also after ${way}`,
    async (h, way) => {
      await h.define("orders", { priorities: 10 });
      await h.publish("orders", { body: 1, priority: 5, ttlMs: 1_500 }, { body: 2, priority: 5 }, { body: 3, priority: 7, ttlMs: 4_000 });
      await h.restart(way);
      await h.clock.advance(1_500);
      const consumer = await h.attach("orders", 2);
      const [third, second] = await h.take(consumer, 2);
      expect([third?.body, second?.body]).toEqual([3, 2]);
      if (third === undefined) throw new Error("two deliveries expected");
      await h.nack(consumer, third, { delayMs: 60_000 });
      await h.clock.advance(4_000);
      await died(h, "orders", 2);
      expect(bodiesOf(await h.scan("orders.dead"))).toEqual([1, 3]);
    },
  );

  suite.case("T2: a dead letter does not expire, whatever it was published with", async (h) => {
    await h.define("orders");
    await h.publish("orders", { body: 1, ttlMs: 60_000 });
    const consumer = await h.attach("orders");
    await h.reject(consumer, await h.takeOne(consumer));
    await pass(h, 600_000);
    expect(await h.stats("orders.dead")).toMatchObject({ ready: 1, dead: 0, expired: 0 });
    expect((await h.takeOne(await h.attach("orders.dead"))).body).toBe(1);
  });

  for (const ordering of ["key", "fifo"] as const)
    for (const action of ["skip", "retry"] as const)
      suite.eachRestart(
        (way) => `T2, O3: a blocked message of ${ordering} goes on blocking when it expired, also after ${way}, and is dead by ${action}`,
        async (h, way) => {
          await h.define("orders", { ordering, poison: "block", maxAttempts: 1 });
          await h.publish("orders", { body: 1, key: "k", ttlMs: 5_000 }, { body: 2, key: "k" });
          const before = await h.attach("orders");
          await h.nack(before, await h.takeOne(before));
          await h.expectNothing(before);
          await h.clock.advance(5_000 + LATE_MS);
          await h.expectNothing(before);
          await h.restart(way);
          const consumer = await h.attach("orders");
          await h.clock.advance(LATE_MS);
          await h.expectNothing(consumer);
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, dead: 0 });
          await h.engine.unblock(h.address("orders"), "k", action);
          expect((await h.takeOne(consumer)).body).toBe(2);
          expect(await h.stats("orders")).toMatchObject({ blocked: 0, dead: 1 });
          expect(await h.scan("orders.dead")).toMatchObject([{ body: 1, history: { reason: "expired" } }]);
          await h.checkCounts();
        },
      );

  suite.case(
    "T2, O1: many that wait behind one of their key expire, the others stay in order",
    async (h) => {
      await h.define("orders", { ordering: "key", leaseMs: 60_000 });
      const drafts = Array.from({ length: 900 }, (_, index) => ({ body: index, key: "k", ...(index % 3 === 1 && { ttlMs: 5_000 }) }));
      for (let start = 0; start < drafts.length; start += 100) await h.publish("orders", ...drafts.slice(start, start + 100));
      const consumer = await h.attach("orders");
      const first = await h.takeOne(consumer);
      await h.expectNothing(consumer);
      await h.clock.advance(5_000 + LATE_MS);
      await died(h, "orders", 300);
      await h.checkCounts();
      await h.ack(consumer, first);
      const bodies: unknown[] = [];
      while (bodies.length < 599) {
        const delivery = await h.takeOne(consumer);
        bodies.push(delivery.body);
        await h.ack(consumer, delivery);
      }
      expect(bodies).toEqual(drafts.flatMap(({ body }) => (body > 0 && body % 3 !== 1 ? [body] : [])));
      await h.expectNothing(consumer);
    },
    60_000,
  );

  suite.case("T2: a requester learns that its request expired", async (h) => {
    await h.define("orders");
    await h.define("replies");
    await h.publish("orders", { body: 1, ttlMs: 1_000, replyTo: "replies", correlationId: "c-1" });
    await h.clock.advance(1_000 + LATE_MS);
    await died(h, "orders", 1);
    expect(await h.scan("replies")).toMatchObject([{ correlationId: "c-1", body: { reason: "expired" } }]);
  });

  suite.case(
    "T2: messages that expired are not redriven into another's place, and letters come along with those that expire",
    async (h) => {
      await h.define("orders", { deadLetter: "failed" });
      await h.define("failed", { deadLetter: "graveyard" });
      const consumer = await h.attach("orders");
      await h.publish("orders", ...Array.from({ length: 300 }, (_, index) => index));
      for (const delivery of await h.take(consumer, 300)) await h.reject(consumer, delivery);
      await h.publish("failed", ...Array.from({ length: 300 }, (_, index) => ({ body: `own ${index}`, ttlMs: 1_000 + index })));
      const redriven = h.engine.redrive(h.address("orders"), undefined);
      await h.clock.advance(1_300 + LATE_MS);
      expect(await redriven).toBe(300);
      await died(h, "failed", 300);
      expect(await h.stats("failed")).toMatchObject({ ready: 0, acked: 300, dead: 300 });
      expect(await h.stats("orders")).toMatchObject({ ready: 300, redriven: 300 });
    },
  );
}

function testBulk(suite: Suite): void {
  const COUNT = 6_000;

  async function publishMany(h: Harness, ordering: "none" | "key"): Promise<void> {
    await h.define("orders", { ordering, deadLetter: false, leaseMs: 600_000 });
    for (let start = 0; start < COUNT; start += 500) {
      const drafts = Array.from({ length: 500 }, (_, index) => start + index).map((body) => {
        return { body: { body, text: "x".repeat(300) }, key: `k${body % 50}`, ...(body % 2 === 0 && { ttlMs: 10_000 + body }) };
      });
      await h.publish("orders", ...drafts);
    }
  }

  for (const ordering of ["none", "key"] as const) {
    suite.eachRestart(
      (way) => `T2, C1: ${ordering}: thousands expire on disk and in memory, each once, also across ${way}`,
      async (h, way) => {
        await publishMany(h, ordering);
        const consumer = await h.attach("orders", 100);
        await h.take(consumer, 20);
        await h.clock.advance(12_000);
        await h.restart(way);
        await h.clock.advance(2_000);
        await h.until("what is over has expired", async () => (await h.stats("orders")).expired === 2_001);
        await h.checkCounts();
        const other = await h.attach("orders", COUNT);
        let taken = 0;
        const lived = async (): Promise<boolean> => {
          for (const { body } of await h.lease(other)) {
            taken++;
            const { body: number } = body as { body: number };
            if (number % 2 === 0) expect(10_000 + number).toBeGreaterThan(14_000);
          }
          return (await h.stats("orders")).inFlight > 0;
        };
        await h.until("something leased", lived);
        await h.engine.detach(other, false);
        await h.clock.advance(10_000);
        await h.until("all expired", async () => (await h.stats("orders")).expired === COUNT / 2);
        await h.checkCounts();
        expect(taken).toBeGreaterThan(0);
        const stats = await h.stats("orders");
        expect(stats.ready + stats.delayed + stats.parked).toBe(COUNT / 2);
      },
    );
  }

  suite.case("T2: expired messages in front do not stop those behind them", async (h) => {
    await h.define("orders", { deadLetter: false });
    for (let start = 0; start < COUNT; start += 500) {
      await h.publish("orders", ...Array.from({ length: 500 }, (_, index) => ({ body: start + index, ttlMs: 1_100 })));
    }
    await h.publish("orders", "last");
    // Between two seconds: nothing has looked for them yet.
    await h.clock.advance(1_100);
    const consumer = await h.attach("orders");
    expect((await h.takeOne(consumer)).body).toBe("last");
    await h.clock.advance(1_000);
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ expired: COUNT, inFlight: 1, ready: 0 });
  });
}
