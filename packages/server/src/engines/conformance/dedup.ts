import { expect } from "vitest";
import type { Suite } from "./suite.js";

const WINDOW_MS = 60_000;

/** P4 for ids that the application chose. */
export function testDedup(suite: Suite): void {
  suite.topic("dedup by id", () => {
    suite.case("P4: the same id within the window gives the first receipt and stores nothing", async (h) => {
      await h.define("orders", { dedupWindowMs: WINDOW_MS });
      const [first] = await h.publish("orders", { id: "a", body: "cod" });
      await h.publish("orders", "between");
      await h.clock.advance(WINDOW_MS - 1);
      expect(await h.publish("orders", { id: "a", body: "cod" })).toEqual([{ sequence: first?.sequence, duplicate: true }]);
      expect(await h.stats("orders")).toMatchObject({ published: 2, ready: 2 });
    });

    suite.case("P4: the first receipt is given also when the message is settled already", async (h) => {
      await h.define("orders", { dedupWindowMs: WINDOW_MS });
      const [first] = await h.publish("orders", { id: "a", body: "cod" });
      const consumer = await h.attach("orders");
      await h.ack(consumer, await h.takeOne(consumer));
      expect(await h.publish("orders", { id: "a", body: "cod" })).toEqual([{ sequence: first?.sequence, duplicate: true }]);
      await h.expectNothing(consumer);
    });

    suite.eachRestart(
      (way) => `P4: the first receipt is given also after ${way}`,
      async (h, way) => {
        await h.define("orders", { dedupWindowMs: WINDOW_MS });
        const first = await h.publish("orders", { id: "a", body: "cod" }, { id: "b", body: "hake", event: "order", key: "4" });
        const consumer = await h.attach("orders");
        await h.ack(consumer, ...(await h.take(consumer, 1)));
        await h.restart(way);
        const again = await h.publish("orders", { id: "a", body: "cod" }, { id: "b", body: "hake", event: "order", key: "4" });
        expect(again).toEqual(first.map(({ sequence }) => ({ sequence, duplicate: true })));
        expect(await h.publish("orders", { id: "a", body: "other" })).toMatchObject([{ error: "ID_CONFLICT" }]);
        expect((await h.scan("orders")).map(({ id }) => id)).toHaveLength(1);
      },
    );

    suite.case("P4: the same id with another body, event or key is a conflict", async (h) => {
      await h.define("orders", { dedupWindowMs: WINDOW_MS });
      const first = { id: "a", body: { item: "cod" }, event: "order", key: "4" };
      await h.publish("orders", first);
      const others = [
        { ...first, body: { item: "hake" } },
        { ...first, body: new TextEncoder().encode('{"item":"cod"}') },
        { ...first, event: "cancel" },
        { ...first, event: undefined },
        { ...first, key: "5" },
        { ...first, key: undefined },
        { ...first, event: "orde", key: "r4" },
      ];
      for (const other of others) {
        expect(await h.publish("orders", other), JSON.stringify(other)).toMatchObject([{ error: "ID_CONFLICT" }]);
      }
      expect(await h.publish("orders", { ...first, headers: { retry: "1" } })).toMatchObject([{ duplicate: true }]);
      expect(await h.stats("orders")).toMatchObject({ published: 1 });
    });

    suite.case("P4: after the window the id is stored again", async (h) => {
      await h.define("orders", { dedupWindowMs: WINDOW_MS });
      const [first] = await h.publish("orders", { id: "a", body: "cod" });
      // Windows may be dropped bucket by bucket, so a little late; never early.
      await h.clock.advance(WINDOW_MS * 2);
      const [second] = await h.publish("orders", { id: "a", body: "other" });
      expect(second).toMatchObject({ duplicate: false });
      expect(second?.sequence).toBeGreaterThan(first?.sequence ?? Number.POSITIVE_INFINITY);
      expect(await h.publish("orders", { id: "a", body: "other" })).toEqual([{ sequence: second?.sequence, duplicate: true }]);
    });

    suite.case("P4: a duplicate does not prolong the window", async (h) => {
      await h.define("orders", { dedupWindowMs: WINDOW_MS });
      await h.publish("orders", { id: "a", body: "cod" });
      for (let round = 0; round < 4; round++) {
        await h.clock.advance(WINDOW_MS / 2);
        await h.publish("orders", { id: "a", body: "cod" });
      }
      expect((await h.stats("orders")).published).toBeGreaterThan(1);
    });

    suite.case("P4: the same id in another queue or namespace is another message", async (h) => {
      await h.define("orders");
      await h.define("invoices");
      await h.define("orders", {}, "/other");
      await h.publish("orders", { id: "a", body: "cod" });
      expect(await h.publish("invoices", { id: "a", body: "hake" })).toMatchObject([{ duplicate: false }]);
      const [other] = await h.scan("orders");
      expect(other?.body).toBe("cod");
      const elsewhere = await h.publishIn("/other", "orders", { id: "a", body: "ling" });
      expect(elsewhere).toMatchObject([{ duplicate: false }]);
    });

    suite.case("P4: an id repeated within one publish is stored once", async (h) => {
      await h.define("orders");
      const [first, second, third] = await h.publish(
        "orders",
        { id: "a", body: "cod" },
        { id: "a", body: "cod" },
        { id: "a", body: "hake" },
      );
      expect(first).toMatchObject({ duplicate: false });
      expect(second).toEqual({ sequence: first?.sequence, duplicate: true });
      expect(third).toMatchObject({ error: "ID_CONFLICT" });
      const [all] = await h.publishAll({ queue: "orders", drafts: [{ id: "b", body: 1 }, { id: "b", body: 1 }, "last"] });
      expect(all?.map(({ duplicate }) => duplicate)).toEqual([false, true, false]);
      expect(await h.stats("orders")).toMatchObject({ published: 3 });
    });

    suite.case("P4: two publishes of one id at the same time store it once", async (h) => {
      await h.define("orders");
      const fates = await Promise.all(Array.from({ length: 5 }, () => h.publish("orders", { id: "a", body: "cod" })));
      expect(fates.flat().map(({ duplicate }) => duplicate)).toEqual([false, true, true, true, true]);
      expect(new Set(fates.flat().map(({ sequence }) => sequence)).size).toBe(1);
    });

    suite.case("P4: ids that the application did not choose are not compared", async (h) => {
      await h.define("orders");
      const draft = { id: "same", chosenId: false, body: "cod" };
      expect(await h.publish("orders", draft, draft)).toMatchObject([{ duplicate: false }, { duplicate: false }]);
    });

    suite.case("P4: with a window of 0 ids are not compared", async (h) => {
      await h.define("orders", { dedupWindowMs: 0 });
      await h.publish("orders", { id: "a", body: "cod" });
      await h.clock.advance(1);
      expect(await h.publish("orders", { id: "a", body: "cod" })).toMatchObject([{ duplicate: false }]);
    });

    suite.case("P4, C2: with a window of 0 ids of one array are not compared either, and each message counts for depthMax", async (h) => {
      await h.define("orders", { dedupWindowMs: 0, depthMax: 2 });
      const three = { queue: "orders", drafts: ["cod", "cod", "cod"].map((body) => ({ id: "a", body })) };
      await expect(h.publishAll(three)).rejects.toMatchObject({ code: "QUEUE_FULL" });
      const [fates] = await h.publishAll({
        queue: "orders",
        drafts: [
          { id: "a", body: "cod" },
          { id: "a", body: "eel" },
        ],
      });
      expect(fates).toMatchObject([{ duplicate: false }, { duplicate: false }]);
      expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["cod", "eel"]);
    });
  });
}
