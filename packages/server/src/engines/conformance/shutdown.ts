import { expect } from "vitest";
import { pack } from "./messages.js";
import type { Suite } from "./suite.js";

/** How an engine ends. */
export function testShutdown(suite: Suite): void {
  suite.topic("shutdown", () => {
    suite.case("close: later calls fail with SHUTTING_DOWN, which may be tried again elsewhere", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const held = await h.takeOne(consumer);
      const { engine } = h;
      const address = h.address("orders");
      await h.close();
      const calls = [
        engine.append([{ ...address, ...pack(["late"]) }], false),
        engine.append([{ ...address, ...pack(["late"]) }], true),
        engine.define(address, { leaseMs: 5_000 }),
        engine.remove(address),
        engine.list("/", undefined, 10),
        engine.attach(address, 10),
        engine.detach(consumer, true),
        Promise.resolve().then(() => engine.lease(consumer, 1, 1_000)),
        engine.settle(consumer, [{ first: held.lease, count: 1, verb: "ack" }]),
        engine.stats(address),
        engine.peek(address, 0, 10),
      ];
      const errors = await Promise.all(calls.map((call) => call.then(() => undefined).catch((error: unknown) => error)));
      expect(errors).toMatchObject(calls.map(() => ({ code: "SHUTTING_DOWN", retryable: true })));
      expect(engine.capacity(consumer)).toBe(0);
    });

    suite.case("P1: what was accepted before closing is confirmed", async (h) => {
      await h.define("orders");
      const accepted = Array.from({ length: 20 }, (_, index) => h.publish("orders", index));
      const closing = h.close();
      const fates = (await Promise.all(accepted)).flat();
      await closing;
      expect(fates.every(({ duplicate, error }) => !duplicate && error === undefined)).toBe(true);
    });

    suite.case("L4: what is published with the last commit counts no attempt, though a consumer waited for it", async (h) => {
      await h.define("orders");
      const waiting = await h.attach("orders", 10);
      expect(await h.lease(waiting)).toEqual([]);
      const published = h.publish("orders", "cod");
      await h.restart("reopen");
      await published;
      expect(await h.takeOne(await h.attach("orders", 10))).toMatchObject({ body: "cod", attempt: 1 });
    });

    suite.case("close: afterwards nothing is told and nobody is woken", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      await h.takeOne(await h.attach("orders"));
      await h.close();
      h.told.clear();
      await h.clock.advance(86_400_000);
      expect([h.told.expired, h.told.work, h.told.detached]).toEqual([[], [], []]);
    });

    if (suite.restarts.includes("reopen")) {
      suite.case("P1: what was accepted before closing is there afterwards, and only that", async (h) => {
        await h.define("orders");
        const accepted = Array.from({ length: 20 }, (_, index) => h.publish("orders", index));
        await h.restart("reopen");
        await Promise.all(accepted);
        expect((await h.scan("orders")).map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, index) => index));
      });
    }
  });
}
