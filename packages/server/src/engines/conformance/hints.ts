import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import type { Delivery } from "./messages.js";
import type { Suite } from "./suite.js";

/** Leases as a dispatcher does: only when the engine told of work since the last short lease. */
async function takeWhenTold(h: Harness, consumer: number, queue: string): Promise<Delivery> {
  const taken: Delivery[] = [];
  await h.until(`a hint that ${queue} has work`, async () => {
    if (!h.told.work.some((address) => address.queue === queue)) return false;
    h.told.clear();
    taken.push(...(await h.lease(consumer, 1)));
    return taken.length === 1;
  });
  const [delivery] = taken;
  if (delivery === undefined) throw new Error("no delivery");
  return delivery;
}

/** L5: nothing waits unnoticed after `lease` came back short. */
export function testHints(suite: Suite): void {
  suite.topic("hints", () => {
    suite.case("L5: a consumer that found nothing is told of a publish, in a turn of its own", async (h) => {
      await h.define("orders");
      await h.define("invoices");
      const consumer = await h.attach("orders");
      expect(await h.lease(consumer)).toEqual([]);
      h.told.clear();
      const receipt = h.publish("orders", "cod");
      expect(h.told.work, "nothing is told from inside append").toEqual([]);
      await receipt;
      expect(await takeWhenTold(h, consumer, "orders")).toMatchObject({ body: "cod" });
      expect(h.told.work.some(({ queue }) => queue === "invoices")).toBe(false);
    });

    suite.case("L5: a consumer that got less than it asked for is told of the next publish", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      await h.publish("orders", "cod");
      await h.take(consumer, 1);
      expect(await h.lease(consumer, 10)).toEqual([]);
      h.told.clear();
      await h.publish("orders", "hake");
      expect(await takeWhenTold(h, consumer, "orders")).toMatchObject({ body: "hake" });
    });

    suite.case("L5: a consumer that got less because more would have been too many bytes is told that there is more", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      await h.publish("orders", "cod", "x".repeat(5_000), "hake");
      h.told.clear();
      expect(await h.lease(consumer, 10, 1_000)).toMatchObject([{ body: "cod" }]);
      expect(await takeWhenTold(h, consumer, "orders")).toMatchObject({ body: "x".repeat(5_000) });
    });

    suite.case("L5: a consumer that got less because of the queue's rate is told when it may have more", async (h) => {
      await h.define("orders", { ratePerSecondMax: 1 });
      const consumer = await h.attach("orders");
      await h.publish("orders", "cod", "hake");
      h.told.clear();
      expect(await h.lease(consumer, 10)).toMatchObject([{ body: "cod" }]);
      const told = takeWhenTold(h, consumer, "orders");
      await h.quiet();
      await h.clock.advance(1_000);
      expect(await told).toMatchObject({ body: "hake" });
    });

    const causes: [name: string, cause: (h: Harness, holder: number, held: Delivery) => Promise<unknown>][] = [
      ["a release", (h, holder, held) => h.release(holder, held)],
      ["a nack without delay", (h, holder, held) => h.nack(holder, held, { delayMs: 0 })],
      ["the end of a nack's delay", async (h, holder, held) => h.nack(holder, held, { delayMs: 500 }).then(() => h.clock.advance(500))],
      ["a consumer that left", (h, holder) => h.engine.detach(holder, false)],
      ["a consumer that was lost", (h, holder) => h.engine.detach(holder, true)],
      [
        "the end of a lease and its backoff",
        async (h, holder) => {
          await h.clock.advance(STEADY.leaseMs);
          await h.expiries(holder, 1);
          await h.clock.advance(STEADY.backoff.delayMs);
        },
      ],
    ];
    for (const [name, cause] of causes) {
      suite.case(`L5: a consumer that found nothing is told of ${name}`, async (h) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const [holder, hungry] = [await h.attach("orders"), await h.attach("orders")];
        const held = await h.takeOne(holder);
        expect(await h.lease(hungry)).toEqual([]);
        h.told.clear();
        await cause(h, holder, held);
        expect(await takeWhenTold(h, hungry, "orders")).toMatchObject({ body: "cod" });
      });
    }
  });
}
