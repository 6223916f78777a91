import { expect } from "vitest";
import type { Suite } from "./suite.js";

const TWO = [
  { key: "a", body: "a1" },
  { key: "a", body: "a2" },
];

/** O3: what a message out of attempts does to its key. */
export function testPoison(suite: Suite): void {
  suite.topic("poison", () => {
    suite.case("O3: dead-letter: it goes, and the next of its key follows", async (h) => {
      await h.define("orders", { ordering: "key", maxAttempts: 1 });
      await h.publish("orders", ...TWO);
      const consumer = await h.attach("orders");
      await h.nack(consumer, await h.takeOne(consumer), { reason: "burnt" });
      expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
      expect(await h.scan("orders.dead")).toMatchObject([{ body: "a1", history: { reason: "attempts", error: "burnt" } }]);
    });

    for (const ordering of ["key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `O3: block: ${ordering} is held and visible, also after ${way}, until it is skipped`,
        async (h, way) => {
          await h.define("orders", { ordering, maxAttempts: 1, poison: "block" });
          await h.publish("orders", ...TWO);
          const before = await h.attach("orders", 1);
          await h.nack(before, await h.takeOne(before), { reason: "burnt" });
          await h.expectNothing(before);
          await h.restart(way);
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, inFlight: 0, dead: 0 });
          expect(await h.scan("orders")).toMatchObject([{ body: "a1", state: "blocked", attempts: 1 }, { body: "a2" }]);
          const consumer = await h.attach("orders");
          await h.expectNothing(consumer);
          await h.clock.advance(86_400_000);
          await h.expectNothing(consumer);
          await h.engine.unblock(h.address("orders"), "a", "skip");
          expect(await h.takeOne(consumer)).toMatchObject({ body: "a2", attempt: 1 });
          expect(await h.stats("orders")).toMatchObject({ blocked: 0, dead: 1 });
          expect(await h.scan("orders.dead")).toMatchObject([{ body: "a1", history: { reason: "skipped", error: "burnt" } }]);
        },
      );
    }

    suite.eachRestart(
      (way) => `O3: block: fifo is let go by the key of the message that holds it, or without one, and by no other, also after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "fifo", maxAttempts: 1, poison: "block" });
        await h.publish("orders", { key: "a", body: "a1" }, { key: "b", body: "b1" }, "none", { key: "a", body: "a2" });
        const before = await h.attach("orders", 1);
        await h.nack(before, await h.takeOne(before));
        await h.restart(way);
        const unblock = (key: string): Promise<void> => h.engine.unblock(h.address("orders"), key, "skip");
        const consumer = await h.attach("orders", 1);
        const isHeld = async (by: string, wrong: readonly string[]): Promise<void> => {
          for (const key of wrong) await expect(unblock(key), key).rejects.toMatchObject({ code: "NOT_FOUND" });
          expect((await h.scan("orders"))[0]).toMatchObject({ body: by, state: "blocked" });
        };
        await isHeld("a1", ["b", "c"]);
        await unblock("a");
        await h.nack(consumer, await h.takeOne(consumer));
        await isHeld("b1", ["a"]);
        await unblock("");
        await h.nack(consumer, await h.takeOne(consumer));
        await isHeld("none", ["a"]);
        await unblock("");
        expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
        expect((await h.scan("orders.dead")).map(({ body }) => body)).toEqual(["a1", "b1", "none"]);
      },
    );

    suite.case("O3: block: a retry gives all attempts again, and keeps the order", async (h) => {
      await h.define("orders", { ordering: "key", maxAttempts: 2, poison: "block" });
      await h.publish("orders", ...TWO, { key: "b", body: "b1" });
      const consumer = await h.attach("orders");
      const [a1, b1] = await h.take(consumer, 2);
      if (!a1 || !b1) throw new Error("nothing leased");
      await h.nack(consumer, a1, { delayMs: 0 });
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
      await h.expectNothing(consumer);
      expect(await h.ack(consumer, b1), "other keys go on").toEqual(["ok"]);
      const unblock = (key: string): Promise<void> => h.engine.unblock(h.address("orders"), key, "retry");
      await expect(unblock("b")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await unblock("a");
      await expect(unblock("a")).rejects.toMatchObject({ code: "NOT_FOUND" });
      const again = await h.takeOne(consumer);
      expect(again).toMatchObject({ body: "a1", attempt: 1 });
      await h.ack(consumer, again);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
    });

    suite.eachRestart(
      (way) => `O4: blocked and waiting keys with many behind them starve no other, also after ${way}`,
      async (h, way) => {
        await h.define("orders", { ordering: "key", maxAttempts: 2, poison: "block" });
        const behind = ["blocked", "waits"].flatMap((key) => Array.from({ length: 600 }, (_, body) => ({ key, body })));
        await h.publish("orders", ...behind, ...["f1", "f2", "f3", "f4"].map((body) => ({ key: "free", body })));
        const before = await h.attach("orders", 10);
        const [blocked, waits, f1] = await h.take(before, 3);
        if (!blocked || !waits || !f1) throw new Error("nothing leased");
        await h.nack(before, blocked, { delayMs: 0 });
        await h.nack(before, await h.takeOne(before), { delayMs: 0 });
        await h.nack(before, waits, { delayMs: 3_600_000 });
        await h.ack(before, f1);
        await h.ack(before, await h.takeOne(before));
        await h.restart(way);
        const consumer = await h.attach("orders", 10);
        for (const body of ["f3", "f4"]) {
          const delivery = await h.takeOne(consumer);
          expect(delivery).toMatchObject({ key: "free", body });
          await h.ack(consumer, delivery);
        }
        await h.expectNothing(consumer);
        expect(await h.stats("orders")).toMatchObject({ blocked: 1, delayed: 1, inFlight: 0, acked: 4 });
      },
    );

    for (const ordering of ["key", "fifo"] as const) {
      suite.eachRestart(
        (way) => `O3: what is blocked stays so when poison becomes dead-letter, and may be let go then (${ordering}, ${way})`,
        async (h, way) => {
          await h.define("orders", { ordering, maxAttempts: 1, poison: "block" });
          await h.publish("orders", ...TWO);
          const before = await h.attach("orders", 1);
          await h.nack(before, await h.takeOne(before));
          await h.define("orders", { ordering, maxAttempts: 1, poison: "dead-letter" });
          await h.expectNothing(before);
          await h.restart(way);
          const consumer = await h.attach("orders", 1);
          await h.expectNothing(consumer);
          expect(await h.stats("orders")).toMatchObject({ blocked: 1, dead: 0 });
          await h.engine.unblock(h.address("orders"), "a", "retry");
          await h.nack(consumer, await h.takeOne(consumer));
          expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
          expect(await h.scan("orders.dead")).toMatchObject([{ body: "a1", history: { reason: "attempts" } }]);
        },
      );
    }

    suite.case("O3: reject dead-letters also where poison blocks", async (h) => {
      await h.define("orders", { ordering: "key", maxAttempts: 1, poison: "block" });
      await h.publish("orders", ...TWO);
      const consumer = await h.attach("orders");
      await h.reject(consumer, await h.takeOne(consumer), "wrong address");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "a2" });
      expect(await h.scan("orders.dead")).toMatchObject([{ body: "a1", history: { reason: "rejected" } }]);
    });

    suite.case("O3: without an order there is nothing to hold", async (h) => {
      await expect(h.engine.define(h.address("orders"), { poison: "block" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
      await h.define("orders", { ordering: "key", poison: "block" });
      await expect(h.engine.define(h.address("orders"), { ordering: "none" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
    });
  });
}
