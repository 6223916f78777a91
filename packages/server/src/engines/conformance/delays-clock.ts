import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Delivery } from "./messages.js";
import type { Suite } from "./suite.js";

const HOUR_MS = 3_600_000;
const key = "table-4";

/** Takes and acknowledges one after the other. */
async function bodiesInOrder(h: Harness, consumer: number, count: number): Promise<unknown[]> {
  const bodies: unknown[] = [];
  while (bodies.length < count) {
    const delivery: Delivery = await h.takeOne(consumer);
    bodies.push(delivery.body);
    await h.ack(consumer, delivery);
  }
  return bodies;
}

/** O2 and T1 where a life begins under a clock that is behind that of the life before it. */
export function testDelaysUnderOtherClocks(suite: Suite): void {
  suite.topic("delays under a clock that was set back", () => {
    for (const ordering of ["key", "fifo"] as const) testSetBack(suite, ordering);
  });
}

function testSetBack(suite: Suite, ordering: "key" | "fifo"): void {
  /** Two delayed messages are due, another one is not, and one without a delay stands behind the first two. */
  const stand = async (h: Harness): Promise<void> => {
    await h.define("orders", { ordering });
    await h.publish(
      "orders",
      { body: "first", key, delayMs: 1_000 },
      { body: "second", key, delayMs: 2_000 },
      { body: "late", key, delayMs: 60_000 },
    );
    // Time passes, and nobody moves what is due.
    h.clock.jump(2_000);
    await h.publish("orders", { body: "behind", key });
    expect(await h.stats("orders"), "it waits behind what is due").toMatchObject({ delayed: 4, ready: 0 });
  };

  suite.eachRestart(
    (way) => `O2: ${ordering}: what stands behind messages that are due is not overtaken when the clock is set back before ${way}`,
    async (h, way) => {
      await stand(h);
      h.clock.jump(-HOUR_MS);
      await h.restart(way);
      await h.publish("orders", { body: "new", key }, { body: "soon", key, delayMs: 500 });
      const consumer = await h.attach("orders");
      expect(await bodiesInOrder(h, consumer, 4)).toEqual(["first", "second", "behind", "new"]);
      await h.clock.advance(499);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect(await bodiesInOrder(h, consumer, 1)).toEqual(["soon"]);
      await h.clock.advance(HOUR_MS + 60_000 - 2_000 - 500 - 1);
      await h.expectNothing(consumer);
      await h.clock.advance(1);
      expect(await bodiesInOrder(h, consumer, 1)).toEqual(["late"]);
    },
  );

  suite.eachRestart(
    (way) => `T1: ${ordering}: what is delayed after the clock was set back is not early after another life, and another ${way}`,
    async (h, way) => {
      await stand(h);
      h.clock.jump(-HOUR_MS);
      await h.restart(way);
      await h.publish("orders", { body: "soon", key, delayMs: 500 }, { body: "new", key });
      await h.restart(way);
      await h.restart(way);
      const consumer = await h.attach("orders");
      expect(await bodiesInOrder(h, consumer, 4)).toEqual(["first", "second", "behind", "new"]);
      await h.expectNothing(consumer);
      await h.clock.advance(500);
      expect(await bodiesInOrder(h, consumer, 1)).toEqual(["soon"]);
    },
  );

  suite.eachRestart(
    (way) => `O2: ${ordering}: a line that is longer than a commit takes its place whole when the clock is set back before ${way}`,
    async (h, way) => {
      await h.define("orders", { ordering });
      const late = Array.from({ length: 2_500 }, (_, index) => ({ body: index, key, delayMs: 1_000 + index }));
      for (let start = 0; start < late.length; start += 500) await h.publish("orders", ...late.slice(start, start + 500));
      h.clock.jump(4_000);
      await h.publish("orders", { body: "behind", key });
      h.clock.jump(-HOUR_MS);
      await h.restart(way);
      expect(await h.stats("orders")).toMatchObject({ delayed: 0 });
      const scanned = await h.scan("orders");
      expect(scanned.map(({ body }) => body)).toEqual([...late.map(({ body }) => body), "behind"]);
    },
  );

  suite.eachRestart(
    (way) => `T2: ${ordering}: what expired in the line is not delivered when the clock is set back before ${way}`,
    async (h, way) => {
      await h.define("orders", { ordering, deadLetter: false });
      await h.publish("orders", { body: "mortal", key, delayMs: 1_500, ttlMs: 1_000 }, { body: "first", key, delayMs: 1_000 });
      h.clock.jump(2_000);
      await h.publish("orders", { body: "behind", key });
      h.clock.jump(-HOUR_MS);
      await h.restart(way);
      expect(await h.stats("orders")).toMatchObject({ delayed: 0, expired: 1 });
      expect(await bodiesInOrder(h, await h.attach("orders"), 2)).toEqual(["first", "behind"]);
    },
  );

  suite.eachRestart(
    (way) => `G1: ${ordering}: a purge takes what stood in line, also when the clock is set back before ${way}`,
    async (h, way) => {
      await stand(h);
      expect(await h.engine.purge(h.address("orders"))).toBe(4);
      h.clock.jump(-HOUR_MS);
      await h.restart(way);
      await h.publish("orders", { body: "soon", key, delayMs: 500 });
      await h.restart(way);
      const consumer = await h.attach("orders");
      await h.expectNothing(consumer);
      await h.clock.advance(500);
      expect(await bodiesInOrder(h, consumer, 1)).toEqual(["soon"]);
    },
  );
}
