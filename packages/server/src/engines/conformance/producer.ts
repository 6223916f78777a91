import { expect } from "vitest";
import type { Suite } from "./suite.js";

const P = "producer-1";

/** What a publish came to: the fates of its messages, or the code under which the whole of it was refused. */
async function fateOrCode(publish: Promise<readonly { error?: string; duplicate: boolean }[]>): Promise<string[]> {
  try {
    return (await publish).map(({ error, duplicate }) => error ?? (duplicate ? "duplicate" : "stored"));
  } catch (error) {
    return [String(Object(error).code)];
  }
}

/** P4, P5 for producers that number their messages. */
export function testProducer(suite: Suite): void {
  suite.topic("producer numbers", () => {
    suite.case("P4: the same numbers again give the first receipts", async (h) => {
      await h.define("orders");
      const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
      const first = await h.produce("orders", producer, "a", "b", "c");
      const again = await h.produce("orders", producer, "a", "b", "c");
      expect(again).toEqual(first.map(({ sequence }) => ({ sequence, duplicate: true })));
      expect(await h.bodies("orders")).toEqual(["a", "b", "c"]);
    });

    suite.eachRestart(
      (way) => `P4: the same numbers again give the first receipts after ${way}, also of settled messages`,
      async (h, way) => {
        await h.define("orders");
        const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
        const first = await h.produce("orders", producer, "a", "b", "c");
        await h.publish("orders", "of somebody else");
        const second = await h.produce("orders", { ...producer, firstNumber: 4 }, "d");
        const consumer = await h.attach("orders");
        await h.ack(consumer, ...(await h.take(consumer, 2)));
        await h.restart(way);
        const again = await h.produce("orders", producer, "a", "b", "c", "d", "e");
        expect(again.slice(0, 4)).toEqual([...first, ...second].map(({ sequence }) => ({ sequence, duplicate: true })));
        expect(again[4]).toMatchObject({ duplicate: false });
        expect(await h.bodies("orders")).toEqual(["c", "of somebody else", "d", "e"]);
      },
    );

    suite.eachRestart(
      (way) => `P5: sent again after ${way}, what was lost on the way keeps its place`,
      async (h, way) => {
        await h.define("orders");
        const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
        await h.produce("orders", producer, "a", "b");
        // "c" did not arrive, and its client does not know that of "a" and "b" either.
        await h.restart(way);
        expect(await fateOrCode(h.produce("orders", { ...producer, firstNumber: 4 }, "d"))).toEqual(["PRODUCER_GAP"]);
        const again = h.produce("orders", producer, "a", "b", "c", "d");
        expect(await fateOrCode(again)).toEqual(["duplicate", "duplicate", "stored", "stored"]);
        expect(await h.bodies("orders")).toEqual(["a", "b", "c", "d"]);
      },
    );

    suite.case("P4: of a resend that overlaps, only the new numbers are stored", async (h) => {
      await h.define("orders");
      const first = await h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, "a", "b", "c");
      const again = await h.produce("orders", { id: P, firstNumber: 2, oldestOpen: 2 }, "b", "c", "d", "e");
      expect(again.slice(0, 2)).toEqual(first.slice(1).map(({ sequence }) => ({ sequence, duplicate: true })));
      expect(again.slice(2).map(({ duplicate }) => duplicate)).toEqual([false, false]);
      expect(await h.bodies("orders")).toEqual(["a", "b", "c", "d", "e"]);
    });

    suite.case("P4: numbers hold beyond the dedup window", async (h) => {
      await h.define("orders", { dedupWindowMs: 1_000 });
      const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
      const first = await h.produce("orders", producer, "a", { id: "chosen", body: "b" });
      await h.clock.advance(24 * 3_600_000);
      const again = await h.produce("orders", producer, "a", { id: "chosen", body: "b" });
      expect(again).toEqual(first.map(({ sequence }) => ({ sequence, duplicate: true })));
    });

    suite.case("P4: producers and queues have numbers of their own", async (h) => {
      await h.define("orders");
      await h.define("invoices");
      const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
      expect(await h.produce("orders", producer, "a")).toMatchObject([{ duplicate: false }]);
      expect(await h.produce("invoices", producer, "a")).toMatchObject([{ duplicate: false }]);
      expect(await h.produce("orders", { ...producer, id: "producer-2" }, "a")).toMatchObject([{ duplicate: false }]);
    });

    suite.case("P5: a number is not stored before an open one, nor any later one", async (h) => {
      await h.define("orders");
      expect(await h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, "a")).toMatchObject([{ duplicate: false }]);
      const gap = { id: P, firstNumber: 3, oldestOpen: 2 };
      expect(await fateOrCode(h.produce("orders", gap, "c", "d"))).toContain("PRODUCER_GAP");
      expect(await fateOrCode(h.produce("orders", { ...gap, firstNumber: 5 }, "e"))).toContain("PRODUCER_GAP");
      expect(await h.bodies("orders")).toEqual(["a"]);
      const all = await h.produce("orders", { id: P, firstNumber: 2, oldestOpen: 2 }, "b", "c", "d", "e");
      expect(all.every(({ duplicate, error }) => !duplicate && error === undefined)).toBe(true);
      expect(await h.bodies("orders")).toEqual(["a", "b", "c", "d", "e"]);
    });

    suite.case("P5: a producer that nobody knows begins at its oldest open number, not after it", async (h) => {
      await h.define("orders");
      expect(await fateOrCode(h.produce("orders", { id: P, firstNumber: 8, oldestOpen: 7 }, "h"))).toEqual(["PRODUCER_GAP"]);
      expect(await h.produce("orders", { id: P, firstNumber: 7, oldestOpen: 7 }, "g")).toMatchObject([{ duplicate: false }]);
      expect(await h.bodies("orders")).toEqual(["g"]);
    });

    suite.case("P5: calls that nobody waited for keep their order", async (h) => {
      await h.define("orders");
      const calls = Array.from({ length: 40 }, (_, index) => h.produce("orders", { id: P, firstNumber: index + 1, oldestOpen: 1 }, index));
      expect((await Promise.all(calls)).flat().every(({ error }) => error === undefined)).toBe(true);
      expect(await h.bodies("orders")).toEqual(Array.from({ length: 40 }, (_, index) => index));
    });

    suite.case("P2: a refused number does not make the next one look like a duplicate, nor like a gap", async (h) => {
      await h.define("orders");
      await h.publish("orders", { id: "taken", body: "first" });
      const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
      const first = await h.produce("orders", producer, "a", { id: "taken", body: "another" }, "c");
      expect(first.map(({ error }) => error)).toEqual([undefined, "ID_CONFLICT", undefined]);
      expect(await h.produce("orders", { ...producer, firstNumber: 4 }, "d")).toMatchObject([{ duplicate: false }]);
      const again = await h.produce("orders", producer, "a", { id: "taken", body: "another" }, "c", "d", "e");
      expect(again[0]).toEqual({ sequence: first[0]?.sequence, duplicate: true });
      expect(again[1]).toMatchObject({ error: "ID_CONFLICT" });
      expect(again[2]).toEqual({ sequence: first[2]?.sequence, duplicate: true });
      expect(again.map(({ duplicate }) => duplicate)).toEqual([true, false, true, true, false]);
      expect(await h.bodies("orders")).toEqual(["first", "a", "c", "d", "e"]);
    });

    suite.eachRestart(
      (way) => `P2: a refused number stays apart from its neighbours after ${way}`,
      async (h, way) => {
        await h.define("orders");
        await h.publish("orders", { id: "taken", body: "first" });
        const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
        const drafts = ["a", { id: "taken", body: "another" }, "c"];
        await h.produce("orders", producer, ...drafts);
        await h.restart(way);
        expect(await fateOrCode(h.produce("orders", producer, ...drafts, "d"))).toEqual([
          "duplicate",
          "ID_CONFLICT",
          "duplicate",
          "stored",
        ]);
        expect(await h.bodies("orders")).toEqual(["first", "a", "c", "d"]);
      },
    );

    suite.case("P4: a number with an id that somebody stored gives that message's receipt", async (h) => {
      await h.define("orders");
      const [first] = await h.publish("orders", { id: "a", body: "cod" });
      const producer = { id: P, firstNumber: 1, oldestOpen: 1 };
      for (let round = 0; round < 2; round++) {
        expect(await h.produce("orders", producer, { id: "a", body: "cod" })).toEqual([{ sequence: first?.sequence, duplicate: true }]);
      }
      expect(await h.produce("orders", { ...producer, firstNumber: 2 }, "next")).toMatchObject([{ duplicate: false }]);
      expect(await h.bodies("orders")).toEqual(["cod", "next"]);
    });

    suite.case("P4: a number that the producer closed is never stored again", async (h) => {
      await h.define("orders");
      await h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, "a", "b", "c");
      await h.produce("orders", { id: P, firstNumber: 4, oldestOpen: 4 }, "d");
      await fateOrCode(h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, "a", "b"));
      await fateOrCode(h.produce("orders", { id: P, firstNumber: 2, oldestOpen: 2 }, "b"));
      expect(await h.bodies("orders")).toEqual(["a", "b", "c", "d"]);
      expect(await h.produce("orders", { id: P, firstNumber: 5, oldestOpen: 5 }, "e")).toMatchObject([{ duplicate: false }]);
    });

    suite.case("P4: 1,024 numbers may be open, no more", async (h) => {
      await h.define("orders");
      const many = Array.from({ length: 1_023 }, (_, index) => index);
      await h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, ...many);
      expect(await h.produce("orders", { id: P, firstNumber: 1_024, oldestOpen: 1 }, "last")).toMatchObject([{ duplicate: false }]);
      const [refused] = await fateOrCode(h.produce("orders", { id: P, firstNumber: 1_025, oldestOpen: 1 }, "too many"));
      expect(["stored", "duplicate"]).not.toContain(refused);
      expect((await h.stats("orders")).published).toBe(1_024);
      const first = await h.produce("orders", { id: P, firstNumber: 1, oldestOpen: 1 }, 0);
      expect(first).toMatchObject([{ duplicate: true }]);
      expect(await h.produce("orders", { id: P, firstNumber: 1_025, oldestOpen: 2 }, "now")).toMatchObject([{ duplicate: false }]);
    });
  });
}
