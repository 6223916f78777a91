import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

const keyed = (...bodies: string[]): { key: string; body: string }[] => bodies.map((body) => ({ key: body.slice(0, 1), body }));

/** What a scan says of each message, by its body. */
async function states(h: Harness): Promise<Record<string, string>> {
  const seen = await h.scan("orders");
  return Object.fromEntries(seen.map(({ body, state }) => [String(body), state]));
}

/** C1: what is ready and what waits behind others, where there is an order. */
export function testWaiting(suite: Suite): void {
  suite.topic("waiting in order", () => {
    suite.case("C1: key: behind one in flight its key is parked, also what nobody had room for yet", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a1", "a2", "a3", "b1"));
      expect(await h.stats("orders"), "of each key one").toMatchObject({ ready: 2, parked: 2 });
      const consumer = await h.attach("orders", 1);
      const a1 = await h.takeOne(consumer);
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1, parked: 2, ready: 1 });
      expect(await states(h)).toEqual({ a1: "in-flight", a2: "parked", a3: "parked", b1: "ready" });
      await h.publish("orders", ...keyed("b2", "c1"));
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1, parked: 3, ready: 2 });
      await h.ack(consumer, a1);
      await h.engine.detach(consumer, false);
      expect(await h.stats("orders"), "with nobody there").toMatchObject({ inFlight: 0, parked: 2, ready: 3 });
      expect(await states(h)).toEqual({ a2: "ready", a3: "parked", b1: "ready", b2: "parked", c1: "ready" });
    });

    suite.case("C1: key: behind one that waits for its time its key is parked", async (h) => {
      await h.define("orders", { ordering: "key" });
      await h.publish("orders", ...keyed("a1", "b1"));
      const consumer = await h.attach("orders", 1);
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 5_000 });
      await h.engine.detach(consumer, false);
      await h.publish("orders", ...keyed("a2", "a3", "b2"));
      expect(await h.stats("orders")).toMatchObject({ delayed: 1, parked: 3, ready: 1 });
      expect(await states(h)).toEqual({ a1: "delayed", a2: "parked", a3: "parked", b1: "ready", b2: "parked" });
    });

    for (const ordering of ["key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `C1: ${ordering}: what waits behind a blocked message is parked, with a consumer, without one, and after ${way}`,
        async (h, way) => {
          await h.define("orders", { ordering, maxAttempts: 1, poison: "block" });
          await h.publish("orders", ...keyed("a1", "a2"));
          const consumer = await h.attach("orders", 1);
          await h.nack(consumer, await h.takeOne(consumer));
          await h.publish("orders", ...keyed("a3"));
          const blocked = { a1: "blocked", a2: "parked", a3: "parked" };
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, parked: 3, ready: 0 });
          expect(await states(h)).toEqual(blocked);
          await h.engine.detach(consumer, false);
          await h.publish("orders", ...keyed("a4"));
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, parked: 4, ready: 0 });
          await h.restart(way);
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, parked: 4, ready: 0 });
          expect(await states(h)).toEqual({ ...blocked, a4: "parked" });
          await h.engine.unblock(h.address("orders"), "a", "skip");
          expect(await h.stats("orders")).toMatchObject(ordering === "key" ? { parked: 2, ready: 1 } : { parked: 0, ready: 3 });
        },
      );
    }

    suite.case("C1: fifo: nothing waits for a settlement, and all behind a message that waits for its time", async (h) => {
      await h.define("orders", { ordering: "fifo" });
      await h.publish("orders", ...keyed("a", "b", "c", "d"));
      const consumer = await h.attach("orders", 2);
      const [a, b] = await h.take(consumer, 2);
      if (a === undefined || b === undefined) throw new Error("nothing leased");
      expect(await h.stats("orders")).toMatchObject({ inFlight: 2, ready: 2, parked: 0 });
      await h.nack(consumer, b, { delayMs: 5_000 });
      expect(await h.stats("orders")).toMatchObject({ inFlight: 1, delayed: 1, ready: 0, parked: 2 });
      expect(await states(h)).toEqual({ a: "in-flight", b: "delayed", c: "parked", d: "parked" });
      await h.nack(consumer, a, { delayMs: 0 });
      expect(await h.stats("orders"), "the first may be leased, and then nothing").toMatchObject({ ready: 1, delayed: 0, parked: 3 });
      expect(await states(h)).toEqual({ a: "ready", b: "parked", c: "parked", d: "parked" });
      await h.clock.advance(5_000);
      expect(await h.stats("orders")).toMatchObject({ ready: 4, delayed: 0, parked: 0 });
    });

    suite.eachRestart(
      (way) => `C1: fifo: what is given again before one that waits is ready after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "fifo" });
        await h.publish("orders", ...keyed("a", "b", "c"));
        const consumer = await h.attach("orders", 2);
        const [, b] = await h.take(consumer, 2);
        if (b === undefined) throw new Error("nothing leased");
        await h.nack(consumer, b, { delayMs: 5_000 });
        await h.restart(way);
        expect(await h.stats("orders")).toMatchObject({ ready: 1, delayed: 0, parked: 2 });
        expect(await states(h)).toEqual({ a: "ready", b: "parked", c: "parked" });
      },
    );

    suite.case("C1: of a long backlog as much is known as is looked through, and each message counts once", async (h) => {
      await h.define("orders", { ordering: "key", leaseMs: 3_600_000 });
      const bodies = Array.from({ length: 8 }, (_, index) => ({ key: "a", body: `${index}`.padEnd(100_000, "x") }));
      for (const body of bodies) await h.publish("orders", body);
      const { ready, parked } = await h.stats("orders");
      expect(ready + parked).toBe(8);
      expect(parked, "384 KiB of it").toBeGreaterThanOrEqual(3);
      await h.checkCounts();
      const consumer = await h.attach("orders", 1);
      await h.takeOne(consumer);
      await h.clock.advance(STEADY.backoff.delayMs);
      await h.checkCounts();
    });
  });
}
