import { expect } from "vitest";
import type { Harness } from "./harness.js";
import { bodiesOf } from "./messages.js";
import type { Suite } from "./suite.js";

const YEAR_MS = 31_536_000_000;

/** Waits until the engine has moved everything that is due. */
const ready = (h: Harness, queue: string, count: number): Promise<void> =>
  h.until(`${count} ready in ${queue}, or behind others of their key`, async () => {
    const { ready, parked } = await h.stats(queue);
    return ready + parked === count;
  });

/** T1: a message with a delay is not delivered before it is over, and takes its place then. */
export function testDelays(suite: Suite): void {
  suite.topic("delays", () => {
    for (const ordering of ["none", "key", "fifo"] as const) testOrdering(suite, ordering);
    testPlaces(suite);
    testLimits(suite);
  });
}

function testOrdering(suite: Suite, ordering: "none" | "key" | "fifo"): void {
  const key = "table-4";

  suite.case(`T1: ${ordering}: a delayed message comes when its delay is over, not a millisecond before`, async (h) => {
    await h.define("orders", { ordering });
    const consumer = await h.attach("orders");
    const [fate] = await h.publish("orders", { body: "late", key, delayMs: 5_000 });
    expect(fate?.error).toBeUndefined();
    await h.expectNothing(consumer);
    expect(await h.stats("orders")).toMatchObject({ delayed: 1, ready: 0, published: 1 });
    expect(await h.scan("orders")).toMatchObject([{ body: "late", state: "delayed", sequence: fate?.sequence }]);
    const publishedAt = h.clock.now();
    await h.clock.advance(4_999);
    await h.expectNothing(consumer);
    await h.clock.advance(1);
    const delivery = await h.takeOne(consumer);
    expect(delivery).toMatchObject({ body: "late", attempt: 1, publishedAt });
    expect(delivery.sequence, "it has a new place").toBeGreaterThan(fate?.sequence ?? 0);
    expect(await h.ack(consumer, delivery)).toEqual(["ok"]);
    expect(await h.stats("orders")).toMatchObject({ delayed: 0, acked: 1, bytes: 0 });
  });

  suite.case(`T1: ${ordering}: what is delayed takes its place when due: by due time, then by sequence`, async (h) => {
    await h.define("orders", { ordering });
    await h.publish(
      "orders",
      { body: "c", key, delayMs: 3_000 },
      { body: "a", key, delayMs: 1_000 },
      { body: "now", key },
      { body: "b1", key, delayMs: 2_000 },
      { body: "b2", key, delayMs: 2_000 },
    );
    await h.clock.advance(1_000);
    await h.publish("orders", { body: "b3", key, delayMs: 1_000 });
    await ready(h, "orders", 2);
    await h.publish("orders", { body: "after a", key });
    await h.clock.advance(5_000);
    await h.until("all are due", async () => (await h.stats("orders")).delayed === 0);
    const consumer = await h.attach("orders");
    const bodies: unknown[] = [];
    while (bodies.length < 7) {
      const delivery = await h.takeOne(consumer);
      bodies.push(delivery.body);
      await h.ack(consumer, delivery);
    }
    expect(bodies).toEqual(["now", "a", "after a", "b1", "b2", "b3", "c"]);
  });

  suite.eachRestart(
    (way) => `T1: ${ordering}: delays hold across ${way}, those that ended meanwhile come first`,
    async (h, way) => {
      await h.define("orders", { ordering });
      await h.publish("orders", { body: "long", key, delayMs: 60_000 }, { body: "short", key, delayMs: 1_000 });
      await h.restart(way);
      expect(await h.stats("orders")).toMatchObject({ delayed: 2, ready: 0 });
      await h.clock.advance(999);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ delayed: 2, ready: 0 });
      await h.close();
      h.clock.jump(10_000);
      await h.reopen();
      const consumer = await h.attach("orders");
      const short = await h.takeOne(consumer);
      expect(short.body).toBe("short");
      await h.ack(consumer, short);
      await h.clock.advance(60_000 - 10_999 - 1);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect((await h.takeOne(consumer)).body).toBe("long");
    },
  );

  suite.eachRestart(
    (way) => `T1: ${ordering}: a clock that was set back before ${way} makes nothing early`,
    async (h, way) => {
      await h.define("orders", { ordering });
      await h.publish("orders", { body: "late", key, delayMs: 10_000 });
      h.clock.jump(-5_000);
      await h.restart(way);
      const consumer = await h.attach("orders");
      await h.publish("orders", { body: "sooner", key, delayMs: 2_000 });
      await h.clock.advance(2_000);
      const sooner = await h.takeOne(consumer);
      expect(sooner.body).toBe("sooner");
      await h.ack(consumer, sooner);
      await h.clock.advance(12_999);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect((await h.takeOne(consumer)).body).toBe("late");
    },
  );

  suite.case(`T1: ${ordering}: a delayed message that fails is given again as any other`, async (h) => {
    await h.define("orders", { ordering, maxAttempts: 2 });
    const consumer = await h.attach("orders");
    await h.publish("orders", { body: "late", key, delayMs: 1_000 });
    await h.clock.advance(1_000);
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 500 });
    await h.clock.advance(500);
    const again = await h.takeOne(consumer);
    expect(again.attempt).toBe(2);
    await h.nack(consumer, again);
    expect(await h.stats("orders")).toMatchObject({ dead: 1, delayed: 0, ready: 0 });
    expect(await h.engine.redrive(h.address("orders"), undefined)).toBe(1);
    expect(await h.takeOne(consumer), "a redrive drops the delay").toMatchObject({ body: "late", attempt: 1 });
  });

  suite.case(
    `T1: ${ordering}: what is published while much is due comes after it`,
    async (h) => {
      await h.define("orders", { ordering });
      const late = Array.from({ length: 3_000 }, (_, index) => ({ body: index, key, delayMs: 1_000 + (index % 3) }));
      for (let start = 0; start < late.length; start += 500) await h.publish("orders", ...late.slice(start, start + 500));
      await h.clock.advance(1_002);
      await h.publish("orders", { body: "new", key });
      await ready(h, "orders", 3_001);
      const consumer = await h.attach("orders");
      const bodies: unknown[] = [];
      while (bodies.length < 3_001) {
        const some = await h.lease(consumer);
        bodies.push(...bodiesOf(some));
        if (some.length > 0) await h.ack(consumer, ...some);
        else await h.quiet();
      }
      const due = [0, 1, 2].flatMap((rest) => late.map(({ body }) => body).filter((body) => body % 3 === rest));
      expect(bodies.filter((body) => body !== "new")).toEqual(due);
      if (ordering !== "none") expect(bodies.at(-1)).toBe("new");
    },
    60_000,
  );

  suite.case(`T1: ${ordering}: what is stored while others take their place, and is due before them, is not passed over`, async (h) => {
    await h.define("orders", { ordering });
    const consumer = await h.attach("orders");
    await h.publish("orders", { body: "first", key, delayMs: 5_000 }, { body: "last", key, delayMs: 10_000 });
    // The first is due, and a turn later all of them are: the store is being read then, and has not what is published now.
    const over = h.clock.advance(10_000);
    const published = h.publish("orders", { body: "between", key, delayMs: 1_000 });
    h.clock.jump(5_000);
    await Promise.all([over, published]);
    const bodies: unknown[] = [];
    while (bodies.length < 3) {
      const delivery = await h.takeOne(consumer);
      bodies.push(delivery.body);
      await h.ack(consumer, delivery);
    }
    expect(bodies).toEqual(["first", "between", "last"]);
  });
}

function testPlaces(suite: Suite): void {
  suite.case("T1: a batch over several queues with and without delays is stored whole", async (h) => {
    await h.define("orders");
    await h.define("mails", { ordering: "fifo" });
    const fates = await h.publishAll(
      { queue: "orders", drafts: [{ body: 1 }, { body: 2, delayMs: 1_000 }, { body: 3 }] },
      { queue: "mails", drafts: [{ body: 4, delayMs: 2_000 }] },
    );
    expect(fates.flat().every(({ error }) => error === undefined)).toBe(true);
    expect(fates[0]?.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await h.stats("orders")).toMatchObject({ ready: 2, delayed: 1 });
    expect(await h.stats("mails")).toMatchObject({ ready: 0, delayed: 1 });
    const consumer = await h.attach("orders");
    expect(bodiesOf(await h.take(consumer, 2))).toEqual([1, 3]);
  });

  suite.eachRestart(
    (way) => `T1: a delayed message takes its place in the level of its priority, also after ${way}`,
    async (h, way) => {
      await h.define("orders", { priorities: 10 });
      await h.publish("orders", { body: "low", delayMs: 1_000 }, { body: "high", delayMs: 1_000, priority: 9 }, "normal");
      await h.restart(way);
      await h.clock.advance(999);
      await h.quiet();
      expect(await h.stats("orders")).toMatchObject({ delayed: 2, ready: 1 });
      await h.clock.advance(1);
      await ready(h, "orders", 3);
      await h.quiet();
      const consumer = await h.attach("orders");
      expect(bodiesOf(await h.take(consumer, 3))).toEqual(["high", "normal", "low"]);
    },
  );

  suite.case("T1, P4: an id is recognised while its message is delayed, and after", async (h) => {
    await h.define("orders");
    const draft = { id: "order-17", body: "cod", delayMs: 5_000 };
    const [first] = await h.publish("orders", draft);
    expect(await h.publish("orders", draft)).toEqual([{ sequence: first?.sequence, duplicate: true }]);
    await h.clock.advance(5_000);
    await ready(h, "orders", 1);
    expect(await h.publish("orders", { ...draft, delayMs: 0 })).toEqual([{ sequence: first?.sequence, duplicate: true }]);
    expect(await h.stats("orders")).toMatchObject({ published: 1, ready: 1 });
  });

  suite.eachRestart(
    (way) => `T1, P5: a producer's numbers go on over delayed messages and ${way}`,
    async (h, way) => {
      await h.define("orders");
      const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
      const drafts = [{ body: 1 }, { body: 2, delayMs: 1_000 }, { body: 3 }];
      const first = await h.produce("orders", producer, ...drafts);
      await h.restart(way);
      const again = await h.produce("orders", producer, ...drafts);
      expect(again).toEqual(first.map((fate) => ({ ...fate, duplicate: true })));
      expect(await h.stats("orders")).toMatchObject({ published: 3, ready: 2, delayed: 1 });
    },
  );

  suite.case("T1: messages are moved without a consumer, and paused queues go on with it", async (h) => {
    await h.define("orders");
    await h.engine.pause(h.address("orders"));
    await h.publish("orders", ...Array.from({ length: 2_500 }, (_, index) => ({ body: index, delayMs: 1_000 + index })));
    expect(await h.stats("orders")).toMatchObject({ delayed: 2_500, ready: 0 });
    await h.clock.advance(2_249);
    await ready(h, "orders", 1_250);
    await h.clock.advance(1_250);
    await ready(h, "orders", 2_500);
    await h.engine.resume(h.address("orders"));
    const consumer = await h.attach("orders", 5_000);
    expect(bodiesOf(await h.take(consumer, 2_500))).toEqual(Array.from({ length: 2_500 }, (_, index) => index));
  });

  suite.case("T1, C2: delays between normal messages leave the order and the counts alone", async (h) => {
    await h.define("orders");
    const consumer = await h.attach("orders", 10_000);
    const drafts = Array.from({ length: 600 }, (_, index) => (index % 3 === 0 ? { body: index, delayMs: 60_000 } : { body: index }));
    for (let start = 0; start < drafts.length; start += 50) await h.publish("orders", ...drafts.slice(start, start + 50));
    const normal = drafts.filter((draft) => !("delayMs" in draft)).map(({ body }) => body);
    const taken = await h.take(consumer, normal.length);
    expect(bodiesOf(taken)).toEqual(normal);
    await h.expectNothing(consumer);
    await h.ack(consumer, ...taken);
    expect(await h.stats("orders")).toMatchObject({ delayed: 200, ready: 0, inFlight: 0, acked: 400 });
  });

  suite.eachRestart(
    (way) => `G1: a purge takes delayed messages and leaves those published after it, also across ${way}`,
    async (h, way) => {
      await h.define("orders");
      await h.publish("orders", ...Array.from({ length: 50 }, (_, index) => ({ body: index, delayMs: 1_000 + index })), "normal");
      expect(await h.engine.purge(h.address("orders"))).toBe(51);
      await h.publish("orders", { body: "kept", delayMs: 1_020 });
      expect(await h.stats("orders")).toMatchObject({ purged: 51, delayed: 1, ready: 0 });
      await h.restart(way);
      expect(await h.stats("orders")).toMatchObject({ purged: 51, delayed: 1, ready: 0 });
      const consumer = await h.attach("orders");
      await h.clock.advance(10_000);
      expect((await h.takeOne(consumer)).body).toBe("kept");
      await h.expectNothing(consumer);
    },
  );

  suite.case("G1: a purge while messages are being moved takes all of them", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...Array.from({ length: 1_000 }, (_, index) => ({ body: index, delayMs: 1_000 })));
    const moving = h.clock.advance(1_000);
    const purged = h.engine.purge(h.address("orders"));
    await moving;
    expect(await purged).toBe(1_000);
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ purged: 1_000, delayed: 0, ready: 0, bytes: 0 });
    await h.expectNothing(await h.attach("orders"));
  });

  suite.case("a queue is deleted with its delayed messages, also one that is just moving them", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...Array.from({ length: 100 }, (_, index) => ({ body: index, delayMs: 1_000 })));
    const moving = h.clock.advance(1_000);
    await h.engine.remove(h.address("orders"));
    await moving;
    await h.quiet();
    await h.define("orders");
    expect(await h.stats("orders")).toMatchObject({ published: 0, delayed: 0, ready: 0 });
    await h.expectNothing(await h.attach("orders"));
  });

  suite.eachRestart(
    (way) => `P1, D1: ${way} while messages are being moved neither loses nor doubles one`,
    async (h, way) => {
      await h.define("orders");
      const count = 2_500;
      for (let start = 0; start < count; start += 500) {
        await h.publish("orders", ...Array.from({ length: 500 }, (_, index) => ({ body: start + index, delayMs: 1_000 + start / 500 })));
      }
      await h.clock.advance(1_002);
      await h.restart(way);
      await h.clock.advance(10);
      const consumer = await h.attach("orders", count);
      expect(bodiesOf(await h.take(consumer, count))).toEqual(Array.from({ length: count }, (_, index) => index));
      await h.expectNothing(consumer);
    },
  );

  if (suite.failures) {
    for (const kept of [false, true]) {
      suite.case(`P1, D1: a commit that fails while messages are moved (${kept ? "kept" : "lost"}) leaves each in one place`, async (h) => {
        await h.define("orders");
        await h.publish("orders", ...Array.from({ length: 100 }, (_, index) => ({ body: index, delayMs: 1_000 })));
        const { epoch } = h.engine;
        h.failNextCommit(kept);
        await h.clock.advance(1_000);
        await h.until("the engine serves again", async () => {
          await h.clock.advance(200);
          return h.engine.epoch !== epoch && h.told.states.at(-1) === undefined;
        });
        await ready(h, "orders", 100);
        const consumer = await h.attach("orders");
        expect(bodiesOf(await h.take(consumer, 100))).toEqual(Array.from({ length: 100 }, (_, index) => index));
        await h.expectNothing(consumer);
      });
    }
  }
}

function testLimits(suite: Suite): void {
  suite.case("a delay of a year is taken, a longer one is BAD_REQUEST", async (h) => {
    await h.define("orders");
    const fates = await h.publish("orders", { body: 1, delayMs: YEAR_MS }, { body: 2, delayMs: YEAR_MS + 1 });
    expect(fates.map(({ error }) => error)).toEqual([undefined, "BAD_REQUEST"]);
    await expect(h.publishAll({ queue: "orders", drafts: [{ body: 3, delayMs: YEAR_MS + 1 }] })).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/delayMs is 31536000001, expected 0 to 31536000000/),
    });
    await h.clock.advance(YEAR_MS - 1);
    await h.quiet();
    expect(await h.stats("orders")).toMatchObject({ delayed: 1, ready: 0 });
    await h.clock.advance(1);
    await ready(h, "orders", 1);
  });

  suite.case("C2: delayed messages count for depthMax, and do not give way to others", async (h) => {
    await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
    await h.publish("orders", { body: "d1", delayMs: 1_000 }, { body: "d2", delayMs: 1_000 }, "a");
    expect((await h.publish("orders", "b")).map(({ error }) => error)).toEqual([undefined]);
    expect(await h.stats("orders")).toMatchObject({ delayed: 2, ready: 1, dead: 1 });
    expect((await h.publish("orders", { body: "d3", delayMs: 1_000 })).map(({ error }) => error)).toEqual([undefined]);
    expect((await h.publish("orders", "c")).map(({ error }) => error)).toEqual(["QUEUE_FULL"]);
    await expect(h.publishAll({ queue: "orders", drafts: ["c"] })).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await h.clock.advance(1_000);
    await ready(h, "orders", 3);
    expect((await h.publish("orders", "c")).map(({ error }) => error)).toEqual([undefined]);
  });
}
