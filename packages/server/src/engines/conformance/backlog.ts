import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Suite } from "./suite.js";

const SINGLES = 10_000;
const ARRAY = 100;
const ARRAYS = 100;
const TOTAL = SINGLES + ARRAYS * ARRAY;
const IN_FLIGHT = 1_000;

/** A body of 1 KiB that says its place. */
const bodyOf = (index: number): string => String(index).padEnd(1_024, ".");
const indexOf = (body: unknown): number => Number.parseInt(String(body), 10);

async function fill(h: Harness, queue: string): Promise<void> {
  for (let start = 0; start < SINGLES; start += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, index) => h.publish(queue, bodyOf(start + index))));
  }
  for (let start = SINGLES; start < TOTAL; start += ARRAY) {
    await h.publish(queue, ...Array.from({ length: ARRAY }, (_, index) => bodyOf(start + index)));
  }
}

/** Takes and acks `count` messages, which must be those from `from` on in order. */
async function drain(h: Harness, consumer: number, from: number, count: number): Promise<void> {
  for (let next = from; next < from + count; ) {
    const held = await h.take(consumer, Math.min(IN_FLIGHT, from + count - next));
    const wrong = held.find(({ body }, index) => indexOf(body) !== next + index);
    expect(wrong && indexOf(wrong.body), `in order from ${next}`).toBeUndefined();
    expect(new Set(await h.ack(consumer, ...held))).toEqual(new Set(["ok"]));
    next += held.length;
  }
}

/** P5, C2: more messages than an engine keeps in memory. */
export function testBacklog(suite: Suite): void {
  suite.topic("backlog", () => {
    suite.case(
      `P5: ${TOTAL} messages of 1 KiB, single and in arrays, are drained in order without loss`,
      async (h) => {
        await h.define("orders");
        await fill(h, "orders");
        expect(await h.stats("orders")).toMatchObject({ ready: TOTAL, published: TOTAL });
        await drain(h, await h.attach("orders", IN_FLIGHT), 0, TOTAL);
        expect(await h.stats("orders")).toMatchObject({ ready: 0, acked: TOTAL, bytes: 0 });
      },
      120_000,
    );

    suite.case(
      "C2: survivors scattered over a backlog are found again, each once",
      async (h) => {
        await h.define("orders", { leaseMs: 600_000 });
        await fill(h, "orders");
        const consumer = await h.attach("orders", TOTAL);
        for (let next = 0; next < TOTAL; next += IN_FLIGHT) {
          const held = await h.take(consumer, IN_FLIGHT);
          await h.ack(consumer, ...held.filter((_, index) => index % 250 !== 0));
        }
        expect(await h.stats("orders")).toMatchObject({ inFlight: TOTAL / 250 });
        await h.engine.detach(consumer, true);
        const left = await h.take(await h.attach("orders"), TOTAL / 250);
        expect(left.map(({ body, attempt }) => [indexOf(body), attempt])).toEqual(left.map((_, index) => [index * 250, 2]));
      },
      120_000,
    );

    for (const way of suite.restarts) {
      suite.case(
        `P1: a backlog is drained in order across ${way === "crash" ? "crashes" : "graceful restarts"}`,
        async (h) => {
          await h.define("orders");
          await fill(h, "orders");
          const part = TOTAL / 4;
          for (let done = 0; done < TOTAL; done += part) {
            await h.restart(way);
            expect(await h.stats("orders")).toMatchObject({ ready: TOTAL - done, acked: done, published: TOTAL });
            const consumer = await h.attach("orders", IN_FLIGHT);
            await drain(h, consumer, done, part);
            await h.engine.detach(consumer, false);
          }
        },
        120_000,
      );
    }
  });
}
