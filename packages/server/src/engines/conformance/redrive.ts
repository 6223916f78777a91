import { expect } from "vitest";
import { servesAgain } from "./failures.js";
import type { Harness } from "./harness.js";
import type { Publishable, Seen } from "./messages.js";
import { readPeeked } from "./messages.js";
import type { Suite } from "./suite.js";

const redrive = (h: Harness, queue: string, ids?: readonly string[]): Promise<number> => h.engine.redrive(h.address(queue), ids);

/** Publishes messages to a queue and rejects them in order. */
async function kill(h: Harness, queue: string, ...drafts: Publishable[]): Promise<void> {
  await h.publish(queue, ...drafts);
  const consumer = await h.attach(queue, 10_000);
  const deliveries = await h.take(consumer, drafts.length);
  await h.settle(consumer, ...deliveries.map(({ lease }) => ({ first: lease, count: 1, verb: "reject", reason: "bad" }) as const));
  await h.engine.detach(consumer, false);
}

/** Every dead letter of a queue, page by page. */
async function lettersOf(h: Harness, queue: string, limit = 100): Promise<Seen[]> {
  const letters: Seen[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: { items: readonly Parameters<typeof readPeeked>[0][number][]; next?: number } = await h.engine.deadLetters(
      h.address(queue),
      after,
      limit,
    );
    expect(page.items.length).toBeLessThanOrEqual(limit);
    letters.push(...readPeeked(page.items));
    after = page.next;
  }
  return letters;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** D1: redrive, and looking after dead letters. */
export function testRedrive(suite: Suite): void {
  suite.topic("redrive", () => {
    suite.case("D1: letters come back in order at the queue's end, whole, with their ids and attempt 1", async (h) => {
      await h.define("orders");
      const fields = { id: "a", event: "order", key: "4", headers: { trace: "1" }, replyTo: "answers", correlationId: "7" };
      const binary = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      await kill(h, "orders", { body: { item: "cod" }, ...fields }, { body: binary }, { body: { photo: binary } }, "é");
      await h.publish("orders", "waits");
      expect(await redrive(h, "orders")).toBe(4);
      const consumer = await h.attach("orders");
      const [waits, cod, bytes, photo, text] = await h.take(consumer, 5);
      expect(waits).toMatchObject({ body: "waits" });
      expect(cod).toMatchObject({ body: { item: "cod" }, ...fields, attempt: 1, sequence: 6 });
      expect(cod?.history).toBeUndefined();
      expect([bytes?.body, photo?.body, text?.body]).toEqual([binary, { photo: binary }, "é"]);
      expect(await h.scan("orders.dead")).toEqual([]);
      expect(await h.stats("orders")).toMatchObject({ published: 5, redriven: 4, dead: 4, inFlight: 5 });
      expect(await h.stats("orders.dead")).toMatchObject({ published: 4, acked: 4, ready: 0, bytes: 0 });
    });

    suite.case("D1: redriven within the dedup window a message is stored all the same, and its id stays known", async (h) => {
      await h.define("orders");
      await kill(h, "orders", { id: "a", body: "cod" });
      expect(await redrive(h, "orders")).toBe(1);
      expect(await h.bodies("orders")).toEqual(["cod"]);
      expect(await h.publish("orders", { id: "a", body: "cod" })).toMatchObject([{ duplicate: true }]);
    });

    suite.case("D1: a letter that dies again may be redriven again", async (h) => {
      await h.define("orders");
      await kill(h, "orders", "cod");
      const consumer = await h.attach("orders");
      for (let round = 0; round < 3; round++) {
        expect(await redrive(h, "orders")).toBe(1);
        await h.reject(consumer, await h.takeOne(consumer));
      }
      expect(await h.stats("orders")).toMatchObject({ published: 1, redriven: 3, dead: 4 });
    });

    suite.case("redrive: only these ids", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...["a", "b", "c", "d"].map((id) => ({ id, body: id })));
      expect(await redrive(h, "orders", ["d", "b", "none"])).toBe(2);
      expect(await h.bodies("orders")).toEqual(["b", "d"]);
      expect(await h.bodies("orders.dead")).toEqual(["a", "c"]);
    });

    suite.case("redrive: of a dead-letter queue that several share, only what came from this one", async (h) => {
      await h.define("orders", { deadLetter: "failed" });
      await h.define("invoices", { deadLetter: "failed" });
      await h.define("orders", { deadLetter: "failed" }, "/other");
      await kill(h, "orders", "cod");
      await kill(h, "invoices", "bill", "bill too");
      await kill(h, "orders", "hake");
      await h.publish("failed", "nobody's");
      expect((await lettersOf(h, "orders")).map(({ body }) => body)).toEqual(["cod", "hake"]);
      expect((await lettersOf(h, "invoices", 1)).map(({ body }) => body)).toEqual(["bill", "bill too"]);
      expect(await redrive(h, "orders")).toBe(2);
      expect(await h.bodies("orders")).toEqual(["cod", "hake"]);
      expect(await h.engine.purgeDeadLetters(h.address("invoices"))).toBe(2);
      expect(await h.bodies("failed")).toEqual(["nobody's"]);
      expect(await h.engine.redrive(h.address("orders", "/other"), undefined)).toBe(0);
    });

    suite.case("D1: letters in flight stay, those given back before come along in their place", async (h) => {
      await h.define("orders");
      await kill(h, "orders", "returned", "held", "ready");
      const consumer = await h.attach("orders.dead");
      const [returned, held] = await h.take(consumer, 2);
      if (returned === undefined || held === undefined) throw new Error("nothing leased");
      await h.nack(consumer, returned, { delayMs: 60_000 });
      expect((await lettersOf(h, "orders")).map(({ body, state, attempts }) => [body, state, attempts])).toEqual([
        ["returned", "delayed", 1],
        ["held", "in-flight", 1],
        ["ready", "ready", 0],
      ]);
      expect(await redrive(h, "orders")).toBe(2);
      expect(await h.bodies("orders")).toEqual(["returned", "ready"]);
      expect(await h.release(consumer, held)).toEqual(["ok"]);
      await h.clock.advance(120_000);
      expect(await h.takeOne(consumer)).toMatchObject({ body: "held" });
      await h.expectNothing(consumer);
    });

    suite.case("D1: a settlement and a redrive at the same time leave one copy or none", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(60));
      const consumer = await h.attach("orders.dead");
      const held = await h.take(consumer, 20);
      const moved = redrive(h, "orders");
      const settled = h.ack(consumer, ...held.slice(0, 10));
      const released = Promise.all(held.slice(10).map((delivery) => h.release(consumer, delivery)));
      const leased = h.lease(consumer, 5);
      const again = redrive(h, "orders");
      await Promise.all([moved, settled, released, leased, again]);
      await h.quiet();
      const everywhere = [...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))].map(Number).sort((a, b) => a - b);
      expect(everywhere).toEqual(numbers(60).slice(10));
    });

    suite.case("D1: many letters move in several commits, in order, while the dead-letter queue is consumed", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(3_000));
      const consumer = await h.attach("orders.dead", 100);
      const [moved, taken] = await Promise.all([redrive(h, "orders"), h.take(consumer, 1)]);
      expect(taken).toHaveLength(1);
      const back = (await h.bodies("orders")).map(Number);
      expect(back).toEqual([...back].sort((a, b) => a - b));
      expect(back).toHaveLength(moved);
      const left = (await h.bodies("orders.dead")).map(Number);
      expect([...back, ...left].sort((a, b) => a - b)).toEqual(numbers(3_000));
    });

    suite.case("D1: letters that were given back come along in order among many, without a consumer", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(1_800));
      const consumer = await h.attach("orders.dead");
      const held = await h.take(consumer, 1_000);
      await h.ack(consumer, ...held.filter(({ sequence }) => sequence % 3 === 0));
      await h.engine.detach(consumer, false);
      const expected = await h.bodies("orders.dead");
      expect(await redrive(h, "orders")).toBe(expected.length);
      expect(await h.bodies("orders")).toEqual(expected);
    });

    suite.case("D1: what a redrive left of the dead letters is delivered, also when a part of it was taken out before", async (h) => {
      await h.define("orders");
      const ids = numbers(1_200).map((number) => ({ id: `id-${number}`, body: number }));
      await kill(h, "orders", ...ids);
      const odd = ids.filter(({ body }) => body % 2 === 1).map(({ id }) => id);
      expect(await redrive(h, "orders", odd)).toBe(600);
      const consumer = await h.attach("orders.dead");
      const rest = await h.take(consumer, 300);
      expect(await redrive(h, "orders", ["id-800", "id-0"])).toBe(1);
      rest.push(...(await h.take(consumer, 299)));
      expect(rest.map(({ body }) => body)).toEqual(numbers(1_200).filter((number) => number % 2 === 0 && number !== 800));
      await h.expectNothing(consumer);
      await h.ack(consumer, ...rest);
    });

    suite.eachRestart(
      (way) => `D1: after ${way} in the middle each letter is in exactly one place, and calling again goes on`,
      async (h, way) => {
        await h.define("orders");
        await kill(h, "orders", ...numbers(2_000));
        // After a crash nobody is left to answer it.
        void redrive(h, "orders").catch(() => undefined);
        await h.until("some moved", async () => (await h.stats("orders")).redriven > 0);
        await h.restart(way);
        const [back, left] = [await h.bodies("orders"), await h.bodies("orders.dead")];
        expect([...back, ...left].map(Number).sort((a, b) => a - b)).toEqual(numbers(2_000));
        await h.checkCounts();
        expect(await redrive(h, "orders")).toBe(left.length);
        expect(await h.bodies("orders")).toEqual(numbers(2_000));
        expect(await h.scan("orders.dead")).toEqual([]);
        expect(await h.stats("orders")).toMatchObject({ redriven: 2_000, dead: 2_000 });
      },
    );

    suite.eachRestart(
      (way) => `D1: taken out of the middle, letters stay out after ${way}`,
      async (h, way) => {
        await h.define("orders");
        await kill(h, "orders", ...["a", "b", "c", "d", "e"].map((id) => ({ id, body: id })));
        expect(await redrive(h, "orders", ["b", "d"])).toBe(2);
        await h.restart(way);
        expect(await h.bodies("orders.dead")).toEqual(["a", "c", "e"]);
        expect((await h.take(await h.attach("orders"), 2)).map(({ body }) => body)).toEqual(["b", "d"]);
        expect((await h.take(await h.attach("orders.dead"), 3)).map(({ body }) => body)).toEqual(["a", "c", "e"]);
      },
    );

    suite.case("D1: a purge of either queue while a redrive runs leaves nothing twice", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(1_500));
      const moving = redrive(h, "orders");
      await h.until("some moved", async () => (await h.stats("orders")).redriven > 0);
      const purged = await h.engine.purge(h.address("orders.dead"));
      const moved = await moving;
      expect(moved + purged).toBe(1_500);
      expect(await h.scan("orders.dead")).toEqual([]);
      expect((await h.bodies("orders")).map(Number)).toEqual(numbers(moved));
    });

    suite.case("L2: purged, dead letters are gone, those in flight too, whose leases are stale", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(700));
      const consumer = await h.attach("orders.dead");
      const [returned, held] = await h.take(consumer, 2);
      if (returned === undefined || held === undefined) throw new Error("nothing leased");
      await h.release(consumer, returned);
      expect(await h.engine.purgeDeadLetters(h.address("orders"))).toBe(700);
      expect(await h.ack(consumer, held)).toEqual(["STALE_LEASE"]);
      await h.until("its consumer is told", () => h.told.revoked.length > 0);
      expect(h.told.revoked).toEqual([{ consumer, leases: [held.lease] }]);
      await h.clock.advance(120_000);
      await h.expectNothing(consumer);
      expect(await h.stats("orders.dead")).toMatchObject({ published: 700, purged: 700, inFlight: 0, bytes: 0 });
      expect(await h.stats("orders")).toMatchObject({ dead: 700, purged: 0 });
    });

    suite.case("dead letters: a page has their history and continues where the last one ended", async (h) => {
      await h.define("orders");
      await kill(h, "orders", ...numbers(25));
      for (const limit of [1, 7, 24, 25, 26]) expect((await lettersOf(h, "orders", limit)).map(({ body }) => body)).toEqual(numbers(25));
      const [first] = await lettersOf(h, "orders");
      expect(first).toMatchObject({ state: "ready", attempts: 0 });
      expect(first?.history).toMatchObject({ namespace: "/", queue: "orders", reason: "rejected", error: "bad", attempts: 1, sequence: 1 });
      expect(await h.engine.deadLetters(h.address("orders"), 25, 10)).toEqual({ items: [] });
    });

    suite.case("redrive: without dead letters nothing moves; a queue that is not there is NOT_FOUND", async (h) => {
      await h.define("orders");
      await h.define("clicks", { deadLetter: false });
      for (const queue of ["orders", "clicks"]) {
        expect(await redrive(h, queue)).toBe(0);
        expect(await lettersOf(h, queue)).toEqual([]);
        expect(await h.engine.purgeDeadLetters(h.address(queue))).toBe(0);
      }
      await expect(redrive(h, "invoices")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(lettersOf(h, "invoices")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(h.engine.purgeDeadLetters(h.address("invoices"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    if (suite.failures) {
      for (const kept of [true, false]) {
        suite.case(
          `D1: a commit of a redrive that fails ${kept ? "but is kept" : "and is lost"} leaves each letter in one place`,
          async (h) => {
            await h.define("orders");
            await kill(h, "orders", ...numbers(1_200));
            const moving = redrive(h, "orders");
            const ended = expect(moving).rejects.toMatchObject({ code: "UNKNOWN" });
            await h.until("some moved", async () => (await h.stats("orders")).redriven >= 500);
            h.failNextCommit(kept);
            await ended;
            await servesAgain(h);
            const everywhere = [...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))];
            expect(everywhere.map(Number).sort((a, b) => a - b)).toEqual(numbers(1_200));
            await redrive(h, "orders");
            expect(await h.bodies("orders")).toEqual(numbers(1_200));
          },
        );
      }
    }
  });
}
