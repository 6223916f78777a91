import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { codesOf, range } from "./messages.js";
import type { Suite } from "./suite.js";

/** `depthMax` and `bytesMax`: a publish above them is refused, or the oldest message gives way. */
export function testLimits(suite: Suite): void {
  suite.topic("limits", () => {
    suite.case("C2: at depthMax publishes are QUEUE_FULL, retryable, naming depth and limit, until a message leaves", async (h) => {
      await h.define("orders", { depthMax: 3 });
      expect(codesOf(await h.publish("orders", 1, 2, 3, 4))).toEqual(["stored", "stored", "stored", "QUEUE_FULL"]);
      const [runs] = await h.engine.append([{ ...h.address("orders"), ...h.packed(5) }], false);
      expect(runs?.[0]?.error).toMatchObject({
        code: "QUEUE_FULL",
        retryable: true,
        message: expect.stringMatching(/depth is 3.*depthMax 3/),
      });
      const consumer = await h.attach("orders");
      const [first, second, third] = await h.take(consumer, 3);
      expect(codesOf(await h.publish("orders", 5)), "messages in flight count").toEqual(["QUEUE_FULL"]);
      if (first === undefined || second === undefined || third === undefined) throw new Error("three deliveries expected");
      await h.nack(consumer, second, { delayMs: 60_000 });
      expect(codesOf(await h.publish("orders", 5)), "delayed messages count").toEqual(["QUEUE_FULL"]);
      await h.ack(consumer, first);
      expect(codesOf(await h.publish("orders", 5, 6))).toEqual(["stored", "QUEUE_FULL"]);
      await h.reject(consumer, third);
      expect(codesOf(await h.publish("orders", 6))).toEqual(["stored"]);
      expect(await h.bodies("orders")).toEqual([2, 5, 6]);
    });

    suite.case("C2: bytesMax counts the records; a message that never fits is TOO_LARGE for good", async (h) => {
      const bytes = h.packed("x".repeat(100)).records.length * 3 + 6;
      await h.define("orders", { bytesMax: bytes });
      const text = "x".repeat(100);
      expect(codesOf(await h.publish("orders", text, text, text, text))).toEqual(["stored", "stored", "stored", "QUEUE_FULL"]);
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 1)));
      expect(codesOf(await h.publish("orders", "x".repeat(200)))).toEqual(["QUEUE_FULL"]);
      expect(codesOf(await h.publish("orders", "y"))).toEqual(["stored"]);
      const [runs] = await h.engine.append([{ ...h.address("orders"), ...h.packed("x".repeat(bytes)) }], false);
      expect(runs?.[0]?.error).toMatchObject({ code: "TOO_LARGE", retryable: false });
    });

    suite.case("P4: what was stored before gives its first receipt, also from a full queue", async (h) => {
      await h.define("orders", { depthMax: 2 });
      const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
      const [first] = await h.publish("orders", { id: "chosen", body: "cod" });
      const [second] = await h.produce("orders", producer, "eel");
      expect(await h.publish("orders", { id: "chosen", body: "cod" })).toEqual([{ sequence: first?.sequence, duplicate: true }]);
      expect(codesOf(await h.publish("orders", { id: "chosen", body: "ray" }))).toEqual(["ID_CONFLICT"]);
      expect(codesOf(await h.publish("orders", { id: "other", body: "ray" }))).toEqual(["QUEUE_FULL"]);
      expect(await h.produce("orders", producer, "eel")).toEqual([{ sequence: second?.sequence, duplicate: true }]);
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 2)));
      expect(codesOf(await h.publish("orders", { id: "other", body: "ray" })), "a refused id is free").toEqual(["stored"]);
    });

    suite.case("P4: so does an array, also from a queue that is above a limit that was lowered", async (h) => {
      const array = { ...h.address("orders"), ...h.packed({ id: "a", body: 1 }, { id: "b", body: 2 }, { id: "c", body: 3 }) };
      const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
      await h.engine.append([{ ...array, producer }], true);
      await h.define("orders", { depthMax: 2 });
      for (const again of [{ ...array, producer }, array]) {
        expect(await h.engine.append([again], true)).toEqual([[expect.objectContaining({ count: 3, sequence: 1, duplicate: true })]]);
      }
    });

    suite.case("P5: after a message that was refused for now a producer's later numbers are PRODUCER_GAP", async (h) => {
      await h.define("orders", { depthMax: 2 });
      const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
      expect(codesOf(await h.produce("orders", producer, 1, 2, 3, 4))).toEqual(["stored", "stored", "QUEUE_FULL", "PRODUCER_GAP"]);
      expect(codesOf(await h.produce("orders", { ...producer, firstNumber: 5 }, 5))).toEqual(["PRODUCER_GAP"]);
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 2)));
      expect(codesOf(await h.produce("orders", producer, 1, 2, 3, 4))).toEqual(["stored", "stored", "stored", "stored"]);
      expect(await h.bodies("orders")).toEqual([3, 4]);
    });

    suite.case("D1: of an array over several queues none is stored when one queue is full", async (h) => {
      await h.define("a");
      await h.define("b", { depthMax: 1 });
      await h.publish("b", 0);
      const failed = h.publishAll({ queue: "a", drafts: [1, 2] }, { queue: "b", drafts: [3] });
      await expect(failed).rejects.toMatchObject({ code: "QUEUE_FULL", retryable: true });
      expect([await h.bodies("a"), await h.bodies("b")]).toEqual([[], [0]]);
      const consumer = await h.attach("b");
      await h.ack(consumer, await h.takeOne(consumer));
      await h.publishAll({ queue: "a", drafts: [1, 2] }, { queue: "b", drafts: [3] });
      expect([await h.bodies("a"), await h.bodies("b")]).toEqual([[1, 2], [3]]);
    });

    suite.case("C2: an array that no empty queue has room for is QUEUE_FULL for good, naming what it has and the limit", async (h) => {
      await h.define("a");
      const { length } = h.packed(1, 2, 3).records;
      for (const overflow of ["reject", "dead-letter-oldest"] as const) {
        const delayed = { body: 0, delayMs: 60_000 };
        // Where the oldest gives way, only what cannot give way is too much.
        const drafts = overflow === "reject" ? [1, 2, 3] : [delayed, delayed, delayed];
        await h.define("orders", { depthMax: 2, bytesMax: 0, overflow });
        const tooMany = h.publishAll({ queue: "a", drafts: [1] }, { queue: "orders", drafts });
        await expect(tooMany).rejects.toMatchObject({
          code: "QUEUE_FULL",
          retryable: false,
          message: expect.stringMatching(/3 messages.*depthMax is 2/),
        });
        await h.define("orders", { depthMax: 0, bytesMax: length - 1 });
        const tooLarge = h.publishAll({ queue: "a", drafts: [1] }, { queue: "orders", drafts });
        await expect(tooLarge).rejects.toMatchObject({
          code: "QUEUE_FULL",
          retryable: false,
          message: expect.stringMatching(/bytes.*bytesMax is \d+/),
        });
      }
      expect([await h.bodies("a"), await h.bodies("orders")]).toEqual([[], []]);
      await h.define("a", { depthMax: 1 });
      await h.publish("a", 0);
      await h.define("orders", { depthMax: 2, bytesMax: 0, overflow: "reject" });
      const both = h.publishAll({ queue: "a", drafts: [1] }, { queue: "orders", drafts: [1, 2, 3] });
      await expect(both, "also beside a queue that is full for now").rejects.toMatchObject({ code: "QUEUE_FULL", retryable: false });
    });

    suite.case("P5: an array that never fits is no gap of its producer", async (h) => {
      await h.define("orders", { depthMax: 2 });
      const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
      const array = { ...h.address("orders"), ...h.packed(1, 2, 3), producer };
      await expect(h.engine.append([array], true)).rejects.toMatchObject({ code: "QUEUE_FULL", retryable: false });
      expect(codesOf(await h.produce("orders", { ...producer, firstNumber: 4 }, 4))).toEqual(["stored"]);
    });

    suite.eachRestart(
      (way) => `D1: what was pushed out before it was durable stays dead after ${way}, also when the limit is gone`,
      async (h, way) => {
        await h.define("orders", { depthMax: 2, overflow: "dead-letter-oldest" });
        await Promise.all([h.publish("orders", 1, 2, 3), h.define("orders", { depthMax: 0, overflow: "reject" })]);
        const consumer = await h.attach("orders", 2);
        const [two, three] = await h.take(consumer, 2);
        if (two === undefined || three === undefined) throw new Error("nothing leased");
        expect([two.body, three.body]).toEqual([2, 3]);
        await h.ack(consumer, two);
        await h.restart(way);
        expect((await h.scan("orders")).map(({ body }) => body)).toEqual([3]);
        expect((await h.scan("orders.dead")).map(({ body }) => body)).toEqual([1]);
      },
    );

    suite.eachRestart(
      (way) => `C2: limits and what counts against them survive ${way}`,
      async (h, way) => {
        await h.define("orders", { depthMax: 2 });
        await h.publish("orders", 1, 2);
        await h.restart(way);
        expect(codesOf(await h.publish("orders", 3))).toEqual(["QUEUE_FULL"]);
        await h.define("orders", { depthMax: 0 });
        expect(codesOf(await h.publish("orders", 3))).toEqual(["stored"]);
      },
    );

    suite.case("D1: dead letters are never refused by the limits of their queue", async (h) => {
      await h.define("orders");
      await h.engine.define(h.address("orders.dead"), { depthMax: 1 });
      await h.publish("orders", 1, 2, 3);
      const consumer = await h.attach("orders");
      for (const delivery of await h.take(consumer, 3)) await h.reject(consumer, delivery);
      expect(await h.bodies("orders.dead")).toEqual([1, 2, 3]);
      expect(codesOf(await h.publish("orders.dead", 4)), "a publish is").toEqual(["QUEUE_FULL"]);
    });
  });

  suite.topic("overflow", () => testOverflow(suite));
}

const reasons = async (h: Harness): Promise<unknown[]> =>
  (await h.scan("orders.dead")).map(({ body, history }) => [body, Object(history).reason, Object(history).attempts]);

function testOverflow(suite: Suite): void {
  suite.case("D1: the oldest message that is not in flight goes to the dead letters for each one too many", async (h) => {
    await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
    await h.publish("orders", 1, 2, 3);
    const consumer = await h.attach("orders");
    const held = await h.takeOne(consumer);
    const receipts = await h.publish("orders", 4, 5);
    expect(codesOf(receipts)).toEqual(["stored", "stored"]);
    expect(await h.bodies("orders")).toEqual([1, 4, 5]);
    expect(await reasons(h)).toEqual([
      [2, "overflow", 0],
      [3, "overflow", 0],
    ]);
    await h.ack(consumer, held, ...(await h.take(consumer, 2)));
    expect(await h.stats("orders")).toMatchObject({ dead: 2, acked: 3, published: 5, ready: 0, bytes: 0 });
  });

  suite.case("D1: messages of one publish push out each other, before they are durable", async (h) => {
    await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
    await Promise.all([h.publish("orders", ...range(10)), h.publish("orders", ...range(10, 10)), h.publish("orders", 20)]);
    await h.publishAll({ queue: "orders", drafts: [21, 22] });
    expect(await h.bodies("orders")).toEqual([20, 21, 22]);
    expect(await h.bodies("orders.dead")).toEqual(range(20));
    const consumer = await h.attach("orders");
    expect((await h.take(consumer, 3)).map(({ body, attempt }) => [body, attempt])).toEqual([
      [20, 1],
      [21, 1],
      [22, 1],
    ]);
    await h.expectNothing(consumer);
  });

  suite.case("L3, D1: with a consumer at work every message is delivered or dead, once", async (h) => {
    await h.define("orders", { depthMax: 7, overflow: "dead-letter-oldest" });
    const consumer = await h.attach("orders", 3);
    const acked: unknown[] = [];
    for (let round = 0; round < 60; round++) {
      const publishes = [0, 1, 2].map((part) => h.publish("orders", ...range(1 + ((round + part) % 3), round * 100 + part * 10)));
      if (round % 2 === 0) await Promise.all(publishes);
      const taken = await h.lease(consumer, 3);
      acked.push(...taken.map(({ body }) => body));
      await h.ack(consumer, ...taken);
      await Promise.all(publishes);
    }
    const all = [...acked, ...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))];
    expect(all, "none twice").toHaveLength(new Set(all).size);
    expect(all).toHaveLength((await h.stats("orders")).published);
    expect(acked.length).toBeGreaterThan(60);
  });

  suite.case("D1: a failed message that waits for its next attempt gives way before later ones, with its attempts", async (h) => {
    await h.define("orders", { depthMax: 2, overflow: "dead-letter-oldest" });
    await h.publish("orders", 1, 2);
    const consumer = await h.attach("orders");
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000, reason: "busy" });
    await h.publish("orders", 3);
    expect(await h.bodies("orders")).toEqual([2, 3]);
    expect(await reasons(h)).toEqual([[1, "overflow", 1]]);
    await h.clock.advance(60_000);
    expect((await h.take(consumer, 2)).map(({ body }) => body)).toEqual([2, 3]);
  });

  suite.case("D1: when all messages are in flight a publish is QUEUE_FULL", async (h) => {
    await h.define("orders", { depthMax: 2, overflow: "dead-letter-oldest" });
    await h.publish("orders", 1, 2);
    const consumer = await h.attach("orders");
    await h.take(consumer, 2);
    expect(codesOf(await h.publish("orders", 3))).toEqual(["QUEUE_FULL"]);
    await expect(h.publishAll({ queue: "orders", drafts: [3] })).rejects.toMatchObject({ code: "QUEUE_FULL" });
    expect((await h.stats("orders")).dead).toBe(0);
  });

  suite.case("C2: an array whose delayed messages leave no room for the others is QUEUE_FULL, and pushes out nothing", async (h) => {
    const later = (body: number) => ({ body, delayMs: 60_000 });
    const size = h.packed(later(1)).records.length;
    for (const limit of [{ depthMax: 2 }, { depthMax: 0, bytesMax: 2 * size + 1 }]) {
      await h.define("orders", { ...limit, overflow: "dead-letter-oldest" });
      await h.publish("orders", 1, 2);
      for (const drafts of [
        [later(3), later(4), 5],
        [3, later(4), later(5), later(6)],
      ]) {
        await expect(h.publishAll({ queue: "orders", drafts })).rejects.toMatchObject({ code: "QUEUE_FULL" });
        expect(await h.bodies("orders")).toEqual([1, 2]);
      }
      await h.publishAll({ queue: "orders", drafts: [3, later(4), later(5)] });
      expect(await h.bodies("orders")).toEqual([4, 5]);
      await h.engine.purge(h.address("orders"));
    }
  });

  suite.case("D1: bytesMax pushes out as many as the new one needs; without dead letters they are counted", async (h) => {
    const bytesMax = h.packed("x".repeat(10)).records.length * 10 + 40;
    await h.define("orders", { bytesMax, overflow: "dead-letter-oldest", deadLetter: false });
    await h.publish("orders", ...range(10).map(() => "x".repeat(10)));
    await h.publish("orders", "y".repeat(bytesMax / 2));
    const stats = await h.stats("orders");
    expect(stats.bytes).toBeLessThanOrEqual(bytesMax);
    expect(stats.dead).toBeGreaterThanOrEqual(5);
    expect(stats.ready + stats.dead).toBe(11);
  });

  suite.case("C2: a limit that was lowered is reached by publishes", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...range(50));
    await h.define("orders", { depthMax: 5, overflow: "dead-letter-oldest" });
    await h.publish("orders", 50);
    expect(await h.bodies("orders")).toEqual(range(5, 46));
  });

  suite.case("P2: a publish that is refused, because too many are in flight, pushes out nothing", async (h) => {
    await h.define("orders");
    await h.publish("orders", 1, 2, 3);
    const consumer = await h.attach("orders");
    await h.take(consumer, 2);
    for (const limit of [{ depthMax: 2 }, { depthMax: 0, bytesMax: h.packed(1, 2).records.length }]) {
      await h.define("orders", { ...limit, overflow: "dead-letter-oldest" });
      expect(codesOf(await h.publish("orders", 4))).toEqual(["QUEUE_FULL"]);
      expect(await h.bodies("orders")).toEqual([1, 2, 3]);
    }
  });

  suite.eachRestart(
    (way) => `D1: after ${way} a message that failed before gives way before later ones`,
    async (h, way) => {
      await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
      await h.publish("orders", 1, 2, 3);
      const before = await h.attach("orders");
      await h.take(before, 2);
      await h.engine.detach(before, false);
      await h.takeOne(await h.attach("orders"));
      await h.restart(way);
      await h.attach("orders");
      // What was in flight at a crash is counted first, and is on its way until then.
      await h.until("the attempt to count", async () => (await h.scan("orders"))[0]?.attempts === (way === "crash" ? 1 : 0));
      await h.quiet();
      for (const body of [4, 5]) {
        await h.until("the oldest messages are read", async () => (await h.publish("orders", body))[0]?.error === undefined);
      }
      expect(await h.bodies("orders.dead")).toEqual([1, 2]);
    },
  );

  suite.case("L5: what is left of messages of which the first gave way is handed out, though nothing may give way any more", async (h) => {
    await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
    const leaving = await h.attach("orders");
    // In one commit: before it is durable the first message gave way, and nobody keeps the queue's messages in memory any more.
    await Promise.all([
      h.publish("orders", 1, 2, 3),
      h.publish("orders", 4),
      h.define("orders", { overflow: "reject", depthMax: 0 }),
      h.engine.detach(leaving, false),
    ]);
    await h.publish("orders", 5);
    const consumer = await h.attach("orders");
    expect((await h.take(consumer, 4)).map(({ body }) => body)).toEqual([2, 3, 4, 5]);
  });

  suite.eachRestart(
    (way) => `D1: after ${way} the oldest gives way, also those that were in flight, and none is lost`,
    async (h, way) => {
      await h.define("orders", { depthMax: 10, overflow: "dead-letter-oldest" });
      for (const start of [0, 4, 8]) await h.publish("orders", ...range(start === 8 ? 2 : 4, start));
      const consumer = await h.attach("orders", 5);
      const [first, ...rest] = await h.take(consumer, 5);
      if (first === undefined) throw new Error("a delivery expected");
      await h.ack(consumer, ...rest);
      await h.restart(way);
      await h.until("the oldest messages are read", async () =>
        (await h.publish("orders", "new")).every(({ error }) => error === undefined),
      );
      const added = (await h.stats("orders")).published - 10;
      const more = range(8, 100);
      await h.until("all are stored", async () => {
        const body = more[0];
        if (body === undefined) return true;
        if ((await h.publish("orders", body))[0]?.error === undefined) more.shift();
        return false;
      });
      const dead = await h.bodies("orders.dead");
      expect(dead.slice(0, 3), "oldest first").toEqual([0, 5, 6]);
      expect(dead).toHaveLength(6 + added + 8 - 10);
      expect(await h.bodies("orders")).toHaveLength(10);
    },
  );
}
