import { expect } from "vitest";
import { defaultOptions } from "../../options.js";
import { STEADY } from "./harness.js";
import type { Suite } from "./suite.js";

/** define, options, remove, list. */
export function testQueues(suite: Suite): void {
  suite.topic("queues", () => {
    suite.case("define: a new queue has the defaults for what was not said", async (h) => {
      const address = h.address("orders");
      expect(h.engine.options(address)).toBeUndefined();
      await h.engine.define(address, { leaseMs: 5_000 });
      expect(h.engine.options(address)).toEqual({ ...defaultOptions("orders"), leaseMs: 5_000 });
    });

    suite.case("define: what is not said keeps its value", async (h) => {
      const address = h.address("orders");
      await h.engine.define(address, { leaseMs: 5_000, maxAttempts: 7, deadLetter: "failed" });
      await h.engine.define(address, { maxAttempts: 9 });
      await h.engine.define(address, {});
      expect(h.engine.options(address)).toEqual({
        ...defaultOptions("orders"),
        leaseMs: 5_000,
        maxAttempts: 9,
        deadLetter: "failed",
      });
    });

    suite.eachRestart(
      (way) => `define: options survive ${way}`,
      async (h, way) => {
        const address = h.address("orders");
        await h.engine.define(address, { ...STEADY, deadLetter: false, dedupWindowMs: 1_234 });
        const options = h.engine.options(address);
        await h.restart(way);
        expect(h.engine.options(address)).toEqual(options);
        expect(options).toMatchObject({ ...STEADY, deadLetter: false, dedupWindowMs: 1_234 });
      },
    );

    suite.case("define: the same ordering again is taken, also while messages wait", async (h) => {
      await h.define("orders", { ordering: "none" });
      await h.publish("orders", "cod");
      await h.define("orders", { ordering: "none" });
      expect(h.engine.options(h.address("orders"))).toMatchObject({ ordering: "none" });
    });

    suite.case("define: a new lease time holds for the next lease", async (h) => {
      await h.define("orders", { leaseMs: 5_000 });
      await h.publish("orders", "cod", "hake");
      const consumer = await h.attach("orders");
      expect(await h.take(consumer, 1)).toMatchObject([{ leaseUntil: h.clock.now() + 5_000 }]);
      await h.define("orders", { leaseMs: 90_000 });
      expect(await h.take(consumer, 1)).toMatchObject([{ leaseUntil: h.clock.now() + 90_000 }]);
    });

    suite.case("list: names in order, page by page, of one namespace", async (h) => {
      for (const queue of ["b", "d", "a", "c", "B", "a.b"]) await h.define(queue, { deadLetter: false });
      await h.define("elsewhere", { deadLetter: false }, "/other");
      const all = (await h.engine.list("/", undefined, 100)).items;
      expect(all).toEqual(["B", "a", "a.b", "b", "c", "d"]);
      const pages: string[][] = [];
      for (let after: string | undefined, more = true; more; more = after !== undefined) {
        const page: { items: readonly string[]; next?: string } = await h.engine.list("/", after, 4);
        pages.push([...page.items]);
        after = page.next;
      }
      expect(pages).toEqual([
        ["B", "a", "a.b", "b"],
        ["c", "d"],
      ]);
      expect(await h.engine.list("/", "d", 4)).toEqual({ items: [] });
      expect((await h.engine.list("/", "bb", 4)).items).toEqual(["c", "d"]);
      expect(await h.engine.list("/nowhere", undefined, 4)).toEqual({ items: [] });
      expect((await h.engine.list("/other", undefined, 4)).items).toEqual(["elsewhere"]);
    });

    suite.eachRestart(
      (way) => `list: queues are there after ${way}, and removed ones are not`,
      async (h, way) => {
        for (const queue of ["a", "b", "c"]) await h.define(queue, { deadLetter: false });
        await h.publish("b", "cod");
        await h.engine.remove(h.address("b"));
        await h.restart(way);
        expect((await h.engine.list("/", undefined, 10)).items).toEqual(["a", "c"]);
        expect(h.engine.options(h.address("b"))).toBeUndefined();
        await h.define("b", { deadLetter: false });
        expect(await h.scan("b")).toEqual([]);
        expect(await h.stats("b")).toMatchObject({ published: 0, ready: 0 });
      },
    );

    suite.case("remove: the queue goes with everything in it, and its consumers are told", async (h) => {
      await h.define("orders", { deadLetter: false });
      await h.define("invoices", { deadLetter: false });
      await h.publish("orders", "held", "delayed", "ready");
      await h.publish("invoices", "stays");
      const [consumer, idle, other] = [await h.attach("orders"), await h.attach("orders"), await h.attach("invoices")];
      const [held, delayed] = await h.take(consumer, 2);
      if (held === undefined || delayed === undefined) throw new Error("nothing leased");
      await h.nack(consumer, delayed, { delayMs: 5_000 });
      await h.engine.remove(h.address("orders"));
      await h.until("both consumers are told", () => h.told.detached.length >= 2);
      expect(h.told.detached.map(({ consumer: number }) => number).sort((a, b) => a - b)).toEqual([consumer, idle].sort((a, b) => a - b));
      expect(h.told.detached.every(({ reason }) => reason === "deleted")).toBe(true);
      expect(h.engine.options(h.address("orders"))).toBeUndefined();
      expect(h.engine.capacity(consumer)).toBe(0);
      expect(await h.ack(consumer, held)).toEqual(["STALE_LEASE"]);
      await h.clock.advance(STEADY.leaseMs * 2);
      await h.quiet();
      expect(h.told.expired).toEqual([]);
      expect((await h.scan("invoices")).map(({ body }) => body)).toEqual(["stays"]);
      expect(await h.takeOne(other)).toMatchObject({ body: "stays" });
    });

    suite.case("remove: made anew, the queue is empty, and old ids and numbers are forgotten", async (h) => {
      await h.define("orders", { deadLetter: false });
      const producer = { id: "producer-1", firstNumber: 1, oldestOpen: 1 };
      await h.publish("orders", { id: "a", body: "cod" });
      await h.produce("orders", producer, "hake");
      await h.engine.remove(h.address("orders"));
      await h.define("orders", { deadLetter: false });
      expect(await h.scan("orders")).toEqual([]);
      expect(await h.publish("orders", { id: "a", body: "other" })).toMatchObject([{ duplicate: false }]);
      expect(await h.produce("orders", producer, "hake")).toMatchObject([{ duplicate: false }]);
      expect((await h.scan("orders")).map(({ body }) => body)).toEqual(["other", "hake"]);
    });

    suite.case("remove: a queue that is not there is NOT_FOUND", async (h) => {
      await expect(h.engine.remove(h.address("orders"))).rejects.toMatchObject({ code: "NOT_FOUND", retryable: false });
      await h.define("orders", { deadLetter: false });
      await h.engine.remove(h.address("orders"));
      await expect(h.engine.remove(h.address("orders"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
