import { HoldfastError } from "holdfast-client/protocol";
import { expect } from "vitest";
import { type Harness, STEADY } from "./harness.js";
import { turn } from "./manual-clock.js";
import type { Suite } from "./suite.js";

const PRODUCER = { id: "producer-1", firstNumber: 1, oldestOpen: 1 };

/** Waits until the engine that stopped serves again; time passes meanwhile. */
export async function servesAgain(h: Harness): Promise<void> {
  await h.until("the engine to serve again", async () => {
    await h.clock.advance(100);
    return h.told.states.length > 0 && h.told.states.at(-1) === undefined;
  });
}

/** P2: what the store's failures come to. */
export function testFailures(suite: Suite): void {
  if (!suite.failures) return;
  suite.topic("failures of the store", () => {
    for (const kept of [false, true]) {
      const how = kept ? "was kept all the same" : "was lost";
      suite.case(`P2: a publish whose commit failed and ${how} is UNKNOWN, and sent again it is stored once`, async (h) => {
        await h.define("orders");
        const publish = () => h.produce("orders", PRODUCER, "cod", "hake");
        h.failNextCommit(kept);
        await expect(publish()).rejects.toMatchObject({ code: "UNKNOWN", retryable: true });
        await servesAgain(h);
        expect(await publish()).toMatchObject([{ duplicate: kept }, { duplicate: kept }]);
        expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["cod", "hake"]);
      });

      suite.case(`L3: an ack whose commit failed and ${how} is UNKNOWN, and the message is in one place`, async (h) => {
        await h.define("orders");
        await h.publish("orders", "cod");
        const consumer = await h.attach("orders", 1);
        const held = await h.takeOne(consumer);
        h.failNextCommit(kept);
        await expect(h.ack(consumer, held)).rejects.toMatchObject({ code: "UNKNOWN" });
        await servesAgain(h);
        const next = await h.attach("orders");
        await h.clock.advance(STEADY.backoff.delayMs);
        if (kept) await h.expectNothing(next);
        else expect(await h.takeOne(next)).toMatchObject({ body: "cod", attempt: 2 });
      });

      suite.case(`D1: a message whose move to the dead letters failed and ${how} is in one place`, async (h) => {
        await h.define("orders");
        await h.define("orders.dead", { maxAttempts: 0, deadLetter: false });
        await h.publish("orders", "cod");
        const consumer = await h.attach("orders", 1);
        const held = await h.takeOne(consumer);
        h.failNextCommit(kept);
        await expect(h.reject(consumer, held)).rejects.toMatchObject({ code: "UNKNOWN" });
        await servesAgain(h);
        expect([(await h.scan("orders")).length, (await h.scan("orders.dead")).length]).toEqual(kept ? [0, 1] : [1, 0]);
      });
    }

    suite.case("P2: while it is stopped the engine says so, and nothing that it refuses is stored", async (h) => {
      await h.define("orders");
      const consumer = await h.attach("orders");
      h.failNextCommit(false);
      await expect(h.publish("orders", "lost")).rejects.toMatchObject({ code: "UNKNOWN" });
      const calls = [h.publish("orders", "refused"), h.engine.define(h.address("invoices"), {}), h.stats("orders")];
      const errors = await Promise.all(calls.map((call) => call.then(() => undefined).catch((error: unknown) => error)));
      expect(errors).toMatchObject(calls.map(() => ({ code: "ENGINE_UNAVAILABLE", retryable: true })));
      expect(h.engine.capacity(consumer)).toBe(0);
      await servesAgain(h);
      expect(await h.scan("orders")).toEqual([]);
      expect(h.engine.options(h.address("invoices"))).toBeUndefined();
    });

    suite.case("L1: the life that failed is over: its consumers are told, its leases are stale, the epoch is another", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const consumers = [await h.attach("orders", 1), await h.attach("orders", 1)];
      const [first = 0] = consumers;
      const held = await h.takeOne(first);
      const { epoch, life } = h.engine;
      h.failNextCommit(false);
      await expect(h.publish("orders", "lost")).rejects.toBeInstanceOf(HoldfastError);
      await servesAgain(h);
      expect(h.told.states[0]).toBeInstanceOf(Error);
      expect(h.told.detached.map(({ consumer }) => consumer).sort((a, b) => a - b)).toEqual(consumers);
      expect(h.told.detached.every(({ reason }) => reason === "engine-restarted")).toBe(true);
      expect(h.engine.epoch).not.toBe(epoch);
      expect(h.engine.life).not.toBe(life);
      expect(await h.ack(first, held)).toEqual(["STALE_LEASE"]);
      const next = await h.attach("orders");
      expect(await h.ack(next, held)).toEqual(["STALE_LEASE"]);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(next)).toMatchObject({ body: "cod", attempt: 2 });
    });

    suite.case("P2: everything that shared the failed commit is UNKNOWN, what came later is refused", async (h) => {
      await h.define("orders");
      h.failNextCommit(false);
      const calls = Array.from({ length: 20 }, (_, index) => h.publish("orders", index));
      const codes = await Promise.all(calls.map((call) => call.then(() => "stored").catch((error: unknown) => String(Object(error).code))));
      expect(new Set(codes)).toEqual(new Set(["UNKNOWN"]));
      await servesAgain(h);
      expect(await h.scan("orders")).toEqual([]);
    });

    suite.case("P2: a failure on the way to the end is told by close, and counts an attempt as a crash does", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      expect(await h.takeOne(await h.attach("orders", 1))).toMatchObject({ body: "cod", attempt: 1 });
      h.failNextCommit(false);
      const publishing = h.publish("orders", "lost").catch((error: unknown) => error);
      await turn();
      await expect(h.close()).rejects.toMatchObject({ code: "UNKNOWN" });
      expect(await publishing).toMatchObject({ code: "UNKNOWN" });
      await h.restart("reopen");
      const consumer = await h.attach("orders", 1);
      await h.clock.advance(STEADY.backoff.delayMs);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "cod", attempt: 2 });
    });
  });
}
