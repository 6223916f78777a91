import { expect } from "vitest";
import type { Harness } from "./harness.js";
import type { Suite } from "./suite.js";

/** With this many queues of which memory would like to keep half a MiB each, it is short for all of them. */
const CROWD = 40;
const LARGE_BODY = "x".repeat(125 * 1024);

const ORDERS = 150;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Has more messages wait for consumers than an engine should keep in memory. */
async function crowdMemory(h: Harness): Promise<void> {
  for (let index = 0; index < CROWD; index++) {
    const queue = `crowd-${index}`;
    await h.define(queue, { leaseMs: 600_000 });
    await h.publish(queue, LARGE_BODY, LARGE_BODY, LARGE_BODY, LARGE_BODY);
    await h.take(await h.attach(queue, 1), 1);
  }
}

/** Publishes in many commits, so that one lease call has to gather from many places. */
async function publishInCommits(h: Harness, queue: string): Promise<void> {
  for (let body = 0; body < ORDERS; body += 5) await h.publish(queue, body, body + 1, body + 2, body + 3, body + 4);
}

/** What happens when several things happen at once, or memory is short just then. */
export function testRaces(suite: Suite): void {
  suite.topic("races", () => {
    if (suite.restarts.includes("crash")) {
      suite.case("L4: with one attempt, what a waiting consumer was never given before a crash is not dead", async (h) => {
        await h.define("orders", { maxAttempts: 1 });
        const waiting = await h.attach("orders");
        expect(await h.lease(waiting)).toEqual([]);
        await h.publish("orders", ...numbers(500));
        await h.restart("crash");
        const given = await h.take(await h.attach("orders"), 500);
        expect(new Set(given.map(({ attempt }) => attempt))).toEqual(new Set([1]));
        expect(await h.stats("orders")).toMatchObject({ inFlight: 500, dead: 0 });
      });
    }

    suite.case("C2: with memory short, the bytes of everything that one call leased can be read", async (h) => {
      await crowdMemory(h);
      await h.define("orders");
      const consumer = await h.attach("orders");
      expect(await h.lease(consumer)).toEqual([]);
      await publishInCommits(h, "orders");
      const bodies = (await h.take(consumer, ORDERS)).map(({ body }) => Number(body));
      expect(bodies).toEqual(numbers(ORDERS));
    });

    suite.case("C2: with memory short, leases that were not handed over yet may be settled without harm", async (h) => {
      await crowdMemory(h);
      await h.define("orders");
      await publishInCommits(h, "orders");
      const consumer = await h.attach("orders");
      await h.quiet();
      const leasing = h.lease(consumer);
      const open = h.engine.leasesOf(consumer);
      const outcomes = await h.settle(consumer, ...open.map((first) => ({ first, count: 1, verb: "ack" }) as const));
      const leased = await leasing;
      expect(h.told.states).toEqual([]);
      const acked = outcomes.filter((outcome) => outcome === "ok").length;
      expect(await h.stats("orders")).toMatchObject({ acked });
      const left = leased.filter((_, index) => outcomes[index] !== "ok");
      expect(new Set(await h.ack(consumer, ...left))).toEqual(new Set(left.map(() => "ok")));
      const rest = await h.take(consumer, ORDERS - acked - left.length);
      expect(new Set([...leased, ...rest].map(({ sequence }) => sequence)).size).toBe(leased.length + rest.length);
    });
  });
}
