import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

const deadReasons = async (h: Harness): Promise<unknown[]> => (await h.scan("orders.dead")).map(({ history }) => Object(history).reason);

/** L4: how attempts are counted, also across lives. */
export function testAttempts(suite: Suite): void {
  suite.topic("attempts", () => {
    suite.case("L4: nacked at its last attempt, a message goes to the dead letters", async (h) => {
      await h.define("orders", { maxAttempts: 3 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 3; attempt++) {
        const held = await h.takeOne(consumer);
        expect(held.attempt).toBe(attempt);
        await h.nack(consumer, held, { delayMs: 0 });
      }
      await h.expectNothing(consumer);
      expect(await h.stats("orders")).toMatchObject({ dead: 1, ready: 0, delayed: 0 });
      expect(await h.scan("orders.dead")).toMatchObject([{ body: "cod", history: { reason: "attempts", attempts: 3 } }]);
    });

    suite.case("L4: running out of time at its last attempt, a message goes to the dead letters", async (h) => {
      await h.define("orders", { maxAttempts: 2 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 2; attempt++) {
        expect(await h.takeOne(consumer)).toMatchObject({ attempt });
        await h.clock.advance(STEADY.leaseMs);
        await h.expiries(consumer, attempt);
        await h.clock.advance(STEADY.backoff.delayMs);
      }
      await h.expectNothing(consumer);
      expect(await deadReasons(h)).toEqual(["attempts"]);
    });

    suite.case("L4: with one attempt, the first failure is the last", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", "nacked", "late");
      const consumer = await h.attach("orders");
      const [nacked] = await h.take(consumer, 2);
      if (nacked === undefined) throw new Error("nothing leased");
      await h.nack(consumer, nacked, { delayMs: 60_000 });
      await h.clock.advance(STEADY.leaseMs);
      await h.expiries(consumer, 1);
      await h.quiet();
      expect(await deadReasons(h)).toEqual(["attempts", "attempts"]);
    });

    suite.case("L4: without a limit a message comes again and again", async (h) => {
      await h.define("orders", { maxAttempts: 0 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      for (let attempt = 1; attempt <= 300; attempt++) {
        const held = await h.takeOne(consumer);
        expect(held.attempt).toBe(attempt);
        await h.nack(consumer, held, { delayMs: 0 });
      }
      expect(await h.stats("orders")).toMatchObject({ ready: 1, dead: 0 });
    });

    suite.case("L4: a lower limit holds for messages that are there already", async (h) => {
      await h.define("orders", { maxAttempts: 5 });
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
      await h.define("orders", { maxAttempts: 2 });
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
      await h.expectNothing(consumer);
      expect(await deadReasons(h)).toEqual(["attempts"]);
    });
  });
}

/** L4 across the end of a life. */
export function testAttemptsAcrossLives(suite: Suite): void {
  suite.topic("attempts across lives", () => {
    suite.eachRestart(
      (way) => `L4: attempts that were counted stay counted after ${way}`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "nacked", "late", "released", "untouched");
        const consumer = await h.attach("orders");
        const [nacked, , released] = await h.take(consumer, 3);
        if (nacked === undefined || released === undefined) throw new Error("nothing leased");
        await h.nack(consumer, nacked, { delayMs: 0 });
        await h.release(consumer, released);
        await h.clock.advance(STEADY.leaseMs);
        await h.expiries(consumer, 1);
        await h.clock.advance(STEADY.backoff.delayMs);
        await h.engine.detach(consumer, false);
        await h.restart(way);
        const attempts = new Map((await h.take(await h.attach("orders"), 4)).map(({ body, attempt }) => [body, attempt]));
        expect(Object.fromEntries(attempts)).toEqual({ nacked: 2, late: 2, released: 1, untouched: 1 });
      },
    );

    if (suite.restarts.includes("reopen")) {
      suite.case("L4: a graceful end returns what is in flight and counts nothing", async (h) => {
        await h.define("orders", { maxAttempts: 1 });
        await h.publish("orders", "cod", "hake");
        for (let life = 0; life < 3; life++) {
          const consumer = await h.attach("orders");
          expect(await h.take(consumer, 2)).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
          await h.restart("reopen");
        }
        expect(await h.stats("orders")).toMatchObject({ ready: 2, inFlight: 0, dead: 0 });
      });
    }
    if (suite.restarts.includes("crash")) testCrashes(suite);
  });
}

/**
 * An engine may write ahead of the leases that its consumers still have room for, as if they were given; a crash cannot
 * tell them apart. So the consumers here have no room for what must not count.
 */
function testCrashes(suite: Suite): void {
  suite.case("L4: what is in flight at a crash counts one attempt, what was never leased none", async (h) => {
    await h.define("orders");
    await h.publish("orders", "in flight 1", "in flight 2", "never leased 1", "never leased 2");
    const consumer = await h.attach("orders", 2);
    await h.take(consumer, 2);
    await h.restart("crash");
    expect(await h.stats("orders")).toMatchObject({ inFlight: 0, consumers: 0 });
    const deliveries = await h.take(await h.attach("orders"), 4);
    expect(Object.fromEntries(deliveries.map(({ body, attempt }) => [String(body), attempt]))).toEqual({
      "in flight 1": 2,
      "in flight 2": 2,
      "never leased 1": 1,
      "never leased 2": 1,
    });
  });

  suite.case("L4: what was settled or never leased again does not count at the next crash", async (h) => {
    await h.define("orders", { maxAttempts: 3 });
    await h.publish("orders", "in flight", "acked", "waiting", "untouched");
    await h.takeOne(await h.attach("orders", 1));
    const other = await h.attach("orders", 2);
    const [acked, waiting] = await h.take(other, 2);
    if (acked === undefined || waiting === undefined) throw new Error("nothing leased");
    await h.ack(other, acked);
    await h.nack(other, waiting, { delayMs: 5_000 });
    await h.engine.detach(other, false);
    await h.restart("crash");
    await h.restart("crash");
    await h.restart("crash");
    await h.clock.advance(300_000);
    const deliveries = await h.take(await h.attach("orders"), 3);
    expect(Object.fromEntries(deliveries.map(({ body, attempt }) => [String(body), attempt]))).toEqual({
      "in flight": 2,
      waiting: 2,
      untouched: 1,
    });
  });

  for (const ordering of ["none", "key", "fifo"] as const) {
    suite.case(`L4: ${ordering}: what a crash counts stays counted when the next life ends before it leased anything`, async (h) => {
      await h.define("orders", { ordering });
      await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "b" });
      await h.take(await h.attach("orders", 2), 2);
      await h.restart("crash");
      // Somebody comes, so that the store is read, which hints tell; nobody leases.
      h.told.clear();
      await h.attach("orders", 2);
      await h.until("hints of the consumer and of what was read", () => h.told.work.length >= 2);
      if (suite.restarts.includes("reopen")) await h.restart("reopen");
      expect(await h.take(await h.attach("orders", 2), 2)).toMatchObject([{ attempt: 2 }, { attempt: 2 }]);
    });
  }

  suite.case("L4: what was in flight at a crash comes before what was never delivered", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...Array.from({ length: 100 }, (_, index) => index));
    await h.take(await h.attach("orders", 2), 2);
    await h.restart("crash");
    expect(await h.take(await h.attach("orders", 2), 2)).toMatchObject([
      { body: 0, attempt: 2 },
      { body: 1, attempt: 2 },
    ]);
  });

  for (const ordering of ["none", "key", "fifo"] as const) {
    suite.case(`L4: ${ordering}: what was in flight at a crash is counted though nobody consumes afterwards`, async (h) => {
      const names = ["once", "twice"];
      for (const name of names) {
        await h.define(name, { ordering, maxAttempts: names.indexOf(name) + 1 });
        await h.publish(name, { body: "cod", key: "a" }, { body: "hake", key: "b" }, { body: "ray", key: "c" });
        await h.take(await h.attach(name, 2), 2);
      }
      await h.restart("crash");
      expect(await h.stats("once")).toMatchObject({ ready: 1, parked: 0, inFlight: 0, dead: 2, published: 3 });
      expect(await h.scan("once")).toMatchObject([{ body: "ray", attempts: 0 }]);
      const counted = [
        { body: "cod", attempts: 1 },
        { body: "hake", attempts: 1 },
        { body: "ray", attempts: 0 },
      ];
      expect(await h.scan("twice")).toMatchObject(counted);
      await h.restart("crash");
      expect(await h.scan("twice")).toMatchObject(counted);
      await h.clock.advance(STEADY.backoff.delayMs);
      const deliveries = await h.take(await h.attach("twice"), ordering === "fifo" ? 2 : 3);
      expect(Object.fromEntries(deliveries.map(({ body, attempt }) => [body, attempt]))).toEqual({
        cod: 2,
        hake: 2,
        ...(ordering !== "fifo" && { ray: 1 }),
      });
    });
  }

  for (const ordering of ["none", "key", "fifo"] as const) {
    suite.case(`L4: ${ordering}: what went to a waiting consumer at once is counted after a crash without one`, async (h) => {
      await h.define("orders", { ordering });
      const consumer = await h.attach("orders", 4);
      await h.expectNothing(consumer);
      await h.publish("orders", { body: "cod", key: "a" }, { body: "hake", key: "b" });
      await h.take(consumer, 2);
      await h.restart("crash");
      expect(await h.scan("orders")).toMatchObject([
        { body: "cod", attempts: 1 },
        { body: "hake", attempts: 1 },
      ]);
    });
  }

  suite.case("L4: a message that ends every life that leases it ends in the dead letters", async (h) => {
    await h.define("orders", { maxAttempts: 3 });
    const [receipt] = await h.publish("orders", "poison");
    for (let attempt = 1; attempt <= 3; attempt++) {
      const consumer = await h.attach("orders", 1);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "poison", attempt });
      await h.restart("crash");
    }
    const consumer = await h.attach("orders");
    await h.clock.advance(STEADY.backoff.delayMs);
    await h.expectNothing(consumer);
    expect(await h.scan("orders.dead")).toMatchObject([
      { body: "poison", history: { queue: "orders", sequence: receipt?.sequence, reason: "attempts", attempts: 3 } },
    ]);
    await h.restart("crash");
    expect(await h.scan("orders.dead")).toHaveLength(1);
  });

  suite.case("L4: a crash at the last attempt of many messages takes all of them to the dead letters, once", async (h) => {
    await h.define("orders", { maxAttempts: 1 });
    await h.publish("orders", ...Array.from({ length: 500 }, (_, index) => index));
    await h.take(await h.attach("orders"), 500);
    await h.restart("crash");
    await h.restart("crash");
    await h.expectNothing(await h.attach("orders"));
    const dead = await h.scan("orders.dead");
    expect(new Set(dead.map(({ body }) => body)).size).toBe(500);
    expect(dead).toHaveLength(500);
    expect(await h.stats("orders")).toMatchObject({ dead: 500, ready: 0, published: 500 });
  });

  suite.case("L4: an unlimited queue counts on through crashes", async (h) => {
    await h.define("orders", { maxAttempts: 0 });
    await h.publish("orders", "cod");
    for (let attempt = 1; attempt <= 8; attempt++) {
      const consumer = await h.attach("orders", 1);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ attempt });
      await h.restart("crash");
    }
  });
}
