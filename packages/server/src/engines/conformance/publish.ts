import { expect } from "vitest";
import type { Fate } from "./messages.js";
import type { Suite } from "./suite.js";

const sequences = (fates: readonly Fate[]): number[] => fates.map(({ sequence }) => sequence);
const rising = (numbers: readonly number[]): boolean => numbers.every((value, index) => index === 0 || value > (numbers[index - 1] ?? 0));

/** P1, P3, P5: receipts, order and bytes of what is stored. */
export function testPublish(suite: Suite): void {
  suite.topic("publish", () => {
    suite.case("P1: a receipt has the sequence under which the message is stored", async (h) => {
      await h.define("orders");
      const fates = await h.publish("orders", "cod", "haddock", "hake");
      expect(fates.every(({ duplicate, error }) => !duplicate && error === undefined)).toBe(true);
      const seen = await h.scan("orders");
      expect(seen.map(({ body }) => body)).toEqual(["cod", "haddock", "hake"]);
      expect(seen.map(({ sequence }) => sequence)).toEqual(sequences(fates));
    });

    suite.eachRestart(
      (way) => `P1: what has a receipt is there after ${way}, with its sequence`,
      async (h, way) => {
        await h.define("orders");
        const single = await h.publish("orders", "one");
        const many = await h.publish("orders", ...Array.from({ length: 300 }, (_, index) => `body ${index}`));
        const before = await h.scan("orders");
        await h.restart(way);
        expect(await h.scan("orders")).toEqual(before);
        expect(sequences([...single, ...many])).toEqual(before.map(({ sequence }) => sequence));
        const [next] = await h.publish("orders", "after");
        expect(next?.sequence).toBeGreaterThan(before.at(-1)?.sequence ?? Number.POSITIVE_INFINITY);
      },
    );

    suite.eachRestart(
      (way) => `P5: an array of more bytes than a block, with some larger than one, is whole and in order after ${way}`,
      async (h, way) => {
        await h.define("orders");
        const bodies = Array.from({ length: 120 }, (_, index) => String(index).padEnd(index % 40 === 7 ? 200_000 : 8_000, "."));
        const [first, ...others] = await h.publish("orders", ...bodies);
        expect(sequences(others)).toEqual(others.map((_, index) => (first?.sequence ?? 0) + index + 1));
        await h.restart(way);
        expect((await h.scan("orders")).map(({ body }) => body)).toEqual(bodies);
        const consumer = await h.attach("orders", bodies.length);
        const held = await h.take(consumer, bodies.length);
        expect(held.map(({ body, sequence }) => [body, sequence])).toEqual(
          bodies.map((body, index) => [body, (first?.sequence ?? 0) + index]),
        );
        await h.ack(consumer, ...held);
        expect(await h.stats("orders")).toMatchObject({ ready: 0, acked: bodies.length, bytes: 0 });
      },
    );

    suite.case("P5: sequences rise in the order of publishing, within a call, over calls, and when nobody waits", async (h) => {
      await h.define("orders");
      const calls = Array.from({ length: 50 }, (_, call) => h.publish("orders", `${call}.0`, `${call}.1`, `${call}.2`));
      const fates = (await Promise.all(calls)).flat();
      expect(rising(sequences(fates))).toBe(true);
      const consumer = await h.attach("orders");
      const bodies = (await h.take(consumer, 150)).map(({ body }) => body);
      expect(bodies).toEqual(Array.from({ length: 150 }, (_, index) => `${Math.floor(index / 3)}.${index % 3}`));
    });

    suite.case("P1: queues of the same name in two namespaces are two queues", async (h) => {
      await h.define("orders");
      await h.define("orders", {}, "/other");
      await h.publish("orders", "here");
      expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["here"]);
      expect(await h.scan("orders", "/other")).toEqual([]);
    });

    suite.case("P1: an array over several queues is stored in each", async (h) => {
      for (const queue of ["orders", "invoices"]) await h.define(queue);
      const fates = await h.publishAll({ queue: "orders", drafts: ["a", "b"] }, { queue: "invoices", drafts: ["c"] });
      expect(fates.map((of) => of.length)).toEqual([2, 1]);
      expect((await h.scan("orders")).map(({ sequence, body }) => [sequence, body])).toEqual([
        [fates[0]?.[0]?.sequence, "a"],
        [fates[0]?.[1]?.sequence, "b"],
      ]);
      expect((await h.scan("invoices")).map(({ body }) => body)).toEqual(["c"]);
    });

    suite.case("P2: of an array with one refused message nothing is stored, in no queue, in no order", async (h) => {
      for (const queue of ["orders", "invoices"]) await h.define(queue);
      await h.publish("orders", { id: "taken", body: "first" });
      const good = { queue: "invoices", drafts: ["x", "y"] };
      const bad = { queue: "orders", drafts: ["before", { id: "taken", body: "another" }, "after"] };
      await expect(h.publishAll(good, bad)).rejects.toMatchObject({ code: "ID_CONFLICT", retryable: false });
      await expect(h.publishAll(bad, good)).rejects.toMatchObject({ code: "ID_CONFLICT" });
      expect(await h.scan("invoices")).toEqual([]);
      expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["first"]);
      const [x, y] = (await h.publishAll(good))[0] ?? [];
      expect([x?.duplicate, y?.duplicate]).toEqual([false, false]);
    });

    suite.case("P2: an id that only a refused array used is free", async (h) => {
      await h.define("orders");
      await h.publish("orders", { id: "taken", body: "first" });
      const drafts = [
        { id: "fresh", body: 1 },
        { id: "taken", body: "another" },
      ];
      await expect(h.publishAll({ queue: "orders", drafts })).rejects.toMatchObject({ code: "ID_CONFLICT" });
      expect(await h.publish("orders", { id: "fresh", body: 2 })).toMatchObject([{ duplicate: false }]);
    });

    suite.case("P2: published one by one, a refused message does not keep the others out", async (h) => {
      await h.define("orders");
      await h.publish("orders", { id: "taken", body: "first" });
      const fates = await h.publish("orders", "before", { id: "taken", body: "another" }, "after");
      expect(fates.map(({ error }) => error)).toEqual([undefined, "ID_CONFLICT", undefined]);
      expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["first", "before", "after"]);
    });

    suite.case("P1: published, a message can be leased at once with the time it was published", async (h) => {
      await h.define("orders");
      await h.clock.advance(1_234);
      await h.publish("orders", "cod");
      const consumer = await h.attach("orders");
      const delivery = await h.takeOne(consumer);
      expect(delivery).toMatchObject({ body: "cod", attempt: 1, publishedAt: h.clock.now() });
    });

    suite.case("P3: bodies and fields come out byte for byte", async (h) => {
      await h.define("orders");
      const every = Uint8Array.from({ length: 256 }, (_, index) => index);
      const bodies = [
        every,
        new Uint8Array(0),
        "",
        "grüße, 世界 \u0000\ud83d\udc1f",
        0,
        -0.5,
        null,
        true,
        [],
        { a: [1, { b: "c" }] },
        "x".repeat(200_000),
      ];
      const fields = { event: "order", key: "table-4", headers: { trace: "ü" }, replyTo: "answers", correlationId: "4711" };
      await h.publish("orders", ...bodies.map((body) => ({ body })), { body: { image: every, of: [every] }, ...fields, id: "chosen" });
      const consumer = await h.attach("orders");
      const deliveries = await h.take(consumer, bodies.length + 1);
      expect(deliveries.slice(0, -1).map(({ body }) => body)).toEqual(bodies);
      expect(deliveries.at(-1)).toMatchObject({ body: { image: every, of: [every] }, ...fields, id: "chosen", chosenId: true });
    });

    suite.eachRestart(
      (way) => `P3: bodies come out byte for byte after ${way}`,
      async (h, way) => {
        await h.define("orders");
        const text = '{ "spaces" :  [1.0, 1e2] , "ü": "\\u00fc" }';
        const body = new TextEncoder().encode(text);
        await h.publish("orders", { body }, { body: Uint8Array.of(0, 255, 0) });
        await h.restart(way);
        const consumer = await h.attach("orders");
        const deliveries = await h.take(consumer, 2);
        expect(deliveries.map(({ body }) => body)).toEqual([body, Uint8Array.of(0, 255, 0)]);
      },
    );
  });
}
