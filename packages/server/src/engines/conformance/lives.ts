import { expect } from "vitest";
import type { Suite } from "./suite.js";

/** L1, L2: what one life gave, the next one does not take. */
export function testLives(suite: Suite): void {
  suite.topic("lives", () => {
    suite.case("L1: a life has an epoch and a number below 2^20", async (h) => {
      expect(h.engine.epoch).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      expect(Number.isInteger(h.engine.life)).toBe(true);
      expect(h.engine.life).toBeGreaterThanOrEqual(0);
      expect(h.engine.life).toBeLessThan(2 ** 20);
    });

    suite.eachRestart(
      (way) => `L1: epochs and life numbers do not repeat after ${way}`,
      async (h, way) => {
        const [epochs, lives] = [new Set<string>(), new Set<number>()];
        for (let round = 0; round < 6; round++) {
          epochs.add(h.engine.epoch);
          lives.add(h.engine.life);
          await h.restart(way);
        }
        expect(epochs.size).toBe(6);
        expect(lives.size).toBe(6);
      },
    );

    suite.eachRestart(
      (way) => `L2: leases and consumers of before ${way} are stale`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const old = await h.attach("orders");
        const held = await h.takeOne(old);
        await h.restart(way);
        expect(h.engine.capacity(old)).toBe(0);
        for (const verb of ["ack", "nack", "reject", "release"] as const) {
          expect(await h.settle(old, { first: held.lease, count: 1, verb })).toEqual(["STALE_LEASE"]);
        }
        const fresh = await h.attach("orders");
        expect(await h.ack(fresh, held)).toEqual(["STALE_LEASE"]);
        expect(await h.ack(fresh, await h.takeOne(fresh))).toEqual(["ok"]);
      },
    );

    suite.eachRestart(
      (way) => `L1: after ${way} nobody is attached and everything may be leased again`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", 0, 1, 2);
        await h.take(await h.attach("orders"), 3);
        await h.restart(way);
        expect(await h.stats("orders")).toMatchObject({ consumers: 0, inFlight: 0 });
        const bodies = (await h.take(await h.attach("orders"), 3)).map(({ body }) => Number(body));
        expect(bodies.sort((a, b) => a - b)).toEqual([0, 1, 2]);
      },
    );
  });
}
