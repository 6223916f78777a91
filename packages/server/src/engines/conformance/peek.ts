import { expect } from "vitest";
import type { Suite } from "./suite.js";

/** peek: shows without leasing. */
export function testPeek(suite: Suite): void {
  suite.topic("peek", () => {
    suite.case("peek: states and attempts, in order of sequence, leasing nothing", async (h) => {
      await h.define("orders");
      await h.publish("orders", "acked", "nacked", "held", "released", "ready");
      const consumer = await h.attach("orders");
      const [acked, nacked, , released] = await h.take(consumer, 4);
      if (!acked || !nacked || !released) throw new Error("nothing leased");
      await h.ack(consumer, acked);
      await h.nack(consumer, nacked, { delayMs: 1_000 });
      await h.release(consumer, released);
      for (let round = 0; round < 2; round++) {
        const seen = await h.scan("orders");
        expect(seen.map(({ body, state }) => [body, state])).toEqual([
          ["nacked", "delayed"],
          ["held", "in-flight"],
          ["released", "ready"],
          ["ready", "ready"],
        ]);
        expect(seen.map(({ body, attempts }) => [body, attempts])).toEqual([
          ["nacked", 1],
          ["held", 1],
          ["released", 0],
          ["ready", 0],
        ]);
      }
      expect(await h.take(consumer, 2)).toMatchObject([
        { body: "released", attempt: 1 },
        { body: "ready", attempt: 1 },
      ]);
    });

    suite.case("peek: pages continue where the last one ended", async (h) => {
      await h.define("orders");
      const fates = await h.publish("orders", ...Array.from({ length: 25 }, (_, index) => index));
      const consumer = await h.attach("orders");
      await h.ack(consumer, ...(await h.take(consumer, 3)));
      for (const pageSize of [1, 4, 22, 23]) {
        const seen = await h.scan("orders", "/", pageSize);
        expect(seen.map(({ body }) => body)).toEqual(Array.from({ length: 22 }, (_, index) => index + 3));
      }
      const page = await h.engine.peek(h.address("orders"), fates[9]?.sequence ?? 0, 5);
      expect(page.items.map(({ sequence }) => sequence)).toEqual(fates.slice(10, 15).map(({ sequence }) => sequence));
      expect(await h.engine.peek(h.address("orders"), fates[24]?.sequence ?? 0, 5)).toEqual({ items: [] });
    });

    suite.case("peek: an empty queue has an empty page, one that is not there is NOT_FOUND", async (h) => {
      await h.define("orders");
      expect(await h.engine.peek(h.address("orders"), 0, 10)).toEqual({ items: [] });
      await expect(h.engine.peek(h.address("invoices"), 0, 10)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    suite.case("peek: what it gave stays as it was, whatever happens later", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const seen = await h.engine.peek(h.address("orders"), 0, 10);
      const copy = seen.items.map(({ record }) => Uint8Array.from(record));
      const consumer = await h.attach("orders");
      await h.ack(consumer, await h.takeOne(consumer));
      await h.publish("orders", ...Array.from({ length: 100 }, () => "x".repeat(1_000)));
      expect(seen.items.map(({ record }) => Uint8Array.from(record))).toEqual(copy);
    });
  });
}
