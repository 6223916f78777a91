import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Delivery } from "./messages.js";
import type { Suite } from "./suite.js";

const TOTAL = 10_000;
const STEPS = 5;
const STEP_MS = 1_000_000;
const LEASE_MS = 43_200_000;

/** Delays from 1 s to about `STEPS * STEP_MS`, each different, in no order. */
const delayOf = (index: number): number => (((index * 7_919) % TOTAL) + 1) * ((STEPS * STEP_MS) / TOTAL);
const indexOf = ({ body }: { readonly body: unknown }): number => Number(body);

/** Publishes, leases and nacks them all, each with a delay of its own. */
async function delayAll(h: Harness): Promise<void> {
  await h.define("orders", { leaseMs: LEASE_MS, maxAttempts: 0 });
  for (let start = 0; start < TOTAL; start += 1_000) {
    await h.publish("orders", ...Array.from({ length: 1_000 }, (_, index) => start + index));
  }
  const consumer = await h.attach("orders", TOTAL);
  const held = await h.take(consumer, TOTAL);
  const runs = held.map((delivery) => ({ first: delivery.lease, count: 1, verb: "nack", delayMs: delayOf(indexOf(delivery)) }) as const);
  expect(new Set(await h.settle(consumer, ...runs))).toEqual(new Set(["ok"]));
  await h.engine.detach(consumer, false);
}

/** Takes what became due in one step: no more, no less, the sooner ones first. */
async function takeDue(h: Harness, consumer: number, step: number): Promise<Delivery[]> {
  await h.clock.advance(STEP_MS);
  const due = await h.take(consumer, TOTAL / STEPS);
  await h.expectNothing(consumer);
  const delays = due.map((delivery) => delayOf(indexOf(delivery)));
  const expected = Array.from({ length: TOTAL / STEPS }, (_, index) => (((step * TOTAL) / STEPS + index + 1) * STEPS * STEP_MS) / TOTAL);
  expect(delays).toEqual(expected);
  expect(due.every(({ attempt }) => attempt === 2)).toBe(true);
  return due;
}

/** T1, L5, C2: more messages that wait for their time than an engine keeps in memory. */
export function testManyDelays(suite: Suite): void {
  suite.topic("many delays", () => {
    suite.case(
      `T1: ${TOTAL} delayed messages come when they are due, the sooner ones first`,
      async (h) => {
        await delayAll(h);
        expect(await h.stats("orders")).toMatchObject({ delayed: TOTAL, ready: 0 });
        const consumer = await h.attach("orders", TOTAL);
        for (let step = 0; step < STEPS; step++) await h.ack(consumer, ...(await takeDue(h, consumer, step)));
        expect(await h.stats("orders")).toMatchObject({ delayed: 0, acked: TOTAL, bytes: 0 });
      },
      60_000,
    );

    suite.case(
      "T1: new delays find their place among those that wait already",
      async (h) => {
        await delayAll(h);
        const consumer = await h.attach("orders", TOTAL);
        const due = await takeDue(h, consumer, 0);
        // Just before the half of what is still to come, and just after it.
        const runs = due.map(({ lease }, index) => ({ lease, delayMs: 2 * STEP_MS + (index % 2 === 0 ? -1 : 1) }));
        await h.settle(consumer, ...runs.map(({ lease, delayMs }) => ({ first: lease, count: 1, verb: "nack", delayMs }) as const));
        await h.clock.advance(2 * STEP_MS - 1);
        const early = await h.take(consumer, (TOTAL / STEPS) * 2.5 - 1);
        expect(early.filter(({ attempt }) => attempt === 3).map(indexOf)).toEqual(due.filter((_, index) => index % 2 === 0).map(indexOf));
        await h.expectNothing(consumer);
        await h.clock.advance(2);
        const late = await h.take(consumer, (TOTAL / STEPS) * 0.5 + 1);
        expect(late.map(({ attempt }) => attempt)).toEqual([2, ...new Array(TOTAL / STEPS / 2).fill(3)]);
        await h.expectNothing(consumer);
      },
      60_000,
    );

    suite.case(
      "L5: many messages of a lost consumer come again at once, each once, in order",
      async (h) => {
        await delayAll(h);
        const [lost, other] = [await h.attach("orders", TOTAL), await h.attach("orders", TOTAL)];
        await h.clock.advance(STEPS * STEP_MS);
        await h.take(lost, TOTAL);
        await h.engine.detach(lost, false);
        const again = await h.take(other, TOTAL);
        expect(new Set(again.map(indexOf)).size).toBe(TOTAL);
        expect(again.every(({ attempt }) => attempt === 2)).toBe(true);
      },
      60_000,
    );

    for (const way of suite.restarts) {
      suite.case(
        `T1: ${TOTAL} delays survive ${way === "crash" ? "crashes" : "graceful restarts"}, also while some are in flight`,
        async (h) => {
          await delayAll(h);
          for (let step = 0; step < STEPS; step++) {
            await h.restart(way);
            const consumer = await h.attach("orders", TOTAL);
            const due = await takeDue(h, consumer, step);
            await h.ack(consumer, ...due.slice(0, -1));
            const [last] = due.slice(-1);
            if (last !== undefined) await h.nack(consumer, last, { delayMs: STEPS * STEP_MS });
          }
          await h.clock.advance(STEPS * STEP_MS);
          await h.restart(way);
          const left = await h.take(await h.attach("orders", TOTAL), STEPS);
          expect(left.every(({ attempt }) => attempt === 3)).toBe(true);
        },
        60_000,
      );
    }
  });
}
