import { expect } from "vitest";
import { TURNS } from "../../core/priority-levels.js";
import { STEADY } from "./harness.js";
import { bodiesOf, type Delivery, type Publishable } from "./messages.js";
import type { Suite } from "./suite.js";

/** A message of that level whose body tells it: `5-0`, `5-1`, ... */
const urgent = (priority: number, index = 0): Publishable => ({ body: `${priority}-${index}`, priority });
const several = (priority: number, count: number): Publishable[] => Array.from({ length: count }, (_, index) => urgent(priority, index));

/** `priority`: the highest level goes first, and none starves. */
export function testPriority(suite: Suite): void {
  suite.topic("priority", () => {
    testOrder(suite);
    testRefusals(suite);
    testUpkeep(suite);
  });
  suite.topic("priority and attempts", () => testPriorityAttempts(suite));
  suite.topic("priority of dead letters", () => testLetters(suite));
}

function testOrder(suite: Suite): void {
  suite.case("the highest level goes first, each in the order of publishing, whatever the lease calls take", async (h) => {
    await h.define("orders");
    await h.publish("orders", urgent(0), urgent(3), urgent(9), urgent(3, 1));
    await h.publish("orders", urgent(9, 1), urgent(0, 1));
    const consumer = await h.attach("orders");
    const taken = [await h.takeOne(consumer), ...(await h.take(consumer, 2)), ...(await h.take(consumer, 3))];
    expect(bodiesOf(taken)).toEqual(["9-0", "9-1", "3-0", "3-1", "0-0", "0-1"]);
    expect(taken.map(({ priority, attempt }) => [priority, attempt])).toEqual([9, 9, 3, 3, 0, 0].map((priority) => [priority, 1]));
    await h.ack(consumer, ...taken);
    await h.expectNothing(consumer);
  });

  suite.case("P5: receipts number mixed messages in the order given", async (h) => {
    await h.define("orders");
    const drafts = [urgent(0), urgent(5), urgent(0, 1), urgent(0, 2), urgent(9), urgent(5, 1)];
    const fates = await h.publish("orders", ...drafts);
    const first = fates[0]?.sequence ?? 0;
    expect(fates.map(({ sequence }) => sequence)).toEqual(drafts.map((_, index) => first + index));
    expect(await h.bodies("orders")).toEqual(["0-0", "5-0", "0-1", "0-2", "9-0", "5-1"]);
    expect((await h.scan("orders")).map(({ priority }) => priority)).toEqual([0, 5, 0, 0, 9, 5]);
  });

  suite.case("a message that comes while lower ones wait goes before them", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(0, 3));
    const consumer = await h.attach("orders");
    expect(await h.takeOne(consumer)).toMatchObject({ body: "0-0" });
    await h.publish("orders", urgent(1));
    await h.quiet();
    expect(await h.takeOne(consumer)).toMatchObject({ body: "1-0" });
    expect(bodiesOf(await h.take(consumer, 2))).toEqual(["0-1", "0-2"]);
  });

  suite.case(`O4: a level with something ready waits for at most ${TURNS - 1} deliveries of others`, async (h) => {
    await h.define("orders");
    const waiting = new Map<number, number>();
    const passedOver = new Map<number, number>();
    const consumer = await h.attach("orders", 10_000);
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    let served = 0;
    for (let round = 0; round < 120; round++) {
      const priority = random(3) === 0 ? random(10) : 9;
      await h.publish("orders", ...several(priority, 1 + random(30)).concat(urgent(random(4))));
      await h.quiet();
      for (const { priority: each, state: now } of await h.scan("orders"))
        if (now === "ready") waiting.set(each, (waiting.get(each) ?? 0) + 1);
      const taken = await h.lease(consumer, 1 + random(20));
      for (const { priority: level } of taken) {
        served++;
        waiting.set(level, (waiting.get(level) ?? 0) - 1);
        passedOver.set(level, 0);
        for (const [other, count] of waiting) {
          if (other === level || count <= 0) continue;
          passedOver.set(other, (passedOver.get(other) ?? 0) + 1);
          expect(passedOver.get(other), `level ${other} passed over`).toBeLessThan(TURNS);
        }
      }
      await h.ack(consumer, ...taken);
      waiting.clear();
    }
    expect(served).toBeGreaterThan(600);
  });

  suite.case("O4: among ten levels that never run out each gets its share, the highest the largest", async (h) => {
    await h.define("orders");
    const consumer = await h.attach("orders", 10_000);
    for (let priority = 0; priority <= 9; priority++) await h.publish("orders", ...several(priority, 200));
    await h.quiet();
    const shares = new Map<number, number>();
    for (const { priority } of await h.take(consumer, TURNS * 20)) shares.set(priority, (shares.get(priority) ?? 0) + 1);
    expect(Object.fromEntries(shares)).toEqual({ 0: 20, 1: 20, 2: 20, 3: 20, 4: 20, 5: 20, 6: 20, 7: 20, 8: 20, 9: (TURNS - 9) * 20 });
  });

  suite.case("a call that has no more room for a message's bytes ends there, and the next begins with it", async (h) => {
    await h.define("orders");
    await h.publish("orders", urgent(9), { body: "x".repeat(5_000), priority: 8 }, urgent(1));
    const consumer = await h.attach("orders");
    await h.quiet();
    expect(bodiesOf(await h.lease(consumer, 10, 1_000))).toEqual(["9-0"]);
    expect(bodiesOf(await h.take(consumer, 2))).toEqual(["x".repeat(5_000), "1-0"]);
  });

  suite.case("L5: what a lost consumer held comes again in its level, before what is below it", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(5, 2), urgent(0), urgent(4));
    const lost = await h.attach("orders", 2);
    await h.take(lost, 2);
    await h.engine.detach(lost, true);
    const again = await h.take(await h.attach("orders"), 4);
    expect(again.map(({ body, attempt }) => [body, attempt])).toEqual([
      ["5-0", 2],
      ["5-1", 2],
      ["4-0", 1],
      ["0-0", 1],
    ]);
  });

  suite.case("T1: a failed message waits for its backoff and then goes with its level", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(5, 2), ...several(0, 2));
    const consumer = await h.attach("orders", 1);
    await h.nack(consumer, await h.takeOne(consumer));
    await h.ack(consumer, await h.takeOne(consumer));
    expect(await h.stats("orders")).toMatchObject({ delayed: 1, ready: 2 });
    await h.ack(consumer, await h.takeOne(consumer));
    await h.clock.advance(STEADY.backoff.delayMs);
    await h.quiet();
    expect(await h.takeOne(consumer)).toMatchObject({ body: "5-0", attempt: 2 });
  });

  suite.eachRestart(
    (way) => `P1: levels and their order survive ${way}, what was not leased as its first attempt`,
    async (h, way) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", ...several(0, 2), ...several(7, 3), urgent(2));
      await h.restart(way);
      await h.publish("orders", urgent(7, 3), urgent(9));
      const again = await h.take(await h.attach("orders"), 8);
      expect(bodiesOf(again)).toEqual(["9-0", "7-0", "7-1", "7-2", "7-3", "2-0", "0-0", "0-1"]);
      expect(new Set(again.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    },
  );

  suite.case("C2: a level with more than memory holds is handed out in order, before those below it", async (h) => {
    await h.define("orders", { leaseMs: 3_600_000 });
    const count = 12_000;
    for (let index = 0; index < count; index += 1_000) {
      await h.publish("orders", urgent(0, index), ...Array.from({ length: 1_000 }, (_, at) => urgent(6, index + at)));
    }
    for (const way of suite.restarts) await h.restart(way);
    const consumer = await h.attach("orders", 10_000);
    const levels = new Map<number, unknown[]>([
      [0, []],
      [6, []],
    ]);
    for (let taken = 0; taken < 2_400; taken += 600) {
      const batch = await h.take(consumer, 600);
      for (const { priority, body } of batch) levels.get(priority)?.push(body);
      await h.ack(consumer, ...batch);
    }
    for (let left = count + 12 - 2_400; left > 0; ) {
      const batch = await h.take(consumer, Math.min(left, 1_000));
      for (const { priority, body } of batch) levels.get(priority)?.push(body);
      await h.ack(consumer, ...batch);
      left -= batch.length;
    }
    expect(levels.get(6)).toEqual(bodiesOf(Array.from({ length: count }, (_, index) => ({ body: `6-${index}` }))));
    expect(levels.get(0)).toHaveLength(12);
    await h.expectNothing(consumer);
  });
}

function testRefusals(suite: Suite): void {
  suite.case("P2: a priority that the queue does not have is BAD_REQUEST naming both, the others are stored", async (h) => {
    await h.define("orders", { priorities: 3 });
    const [runs] = await h.engine.append([{ ...h.address("orders"), ...h.packed(urgent(2), urgent(3), urgent(0)) }], false);
    expect(runs?.map(({ error }) => error?.code)).toEqual([undefined, "BAD_REQUEST", undefined]);
    expect(runs?.[1]?.error).toMatchObject({
      retryable: false,
      message: "priority is 3, expected 0 to 2: priorities is 3 for queue orders",
    });
    expect(await h.bodies("orders")).toEqual(["2-0", "0-0"]);
  });

  suite.case("P2: with one level only priority 0 is taken", async (h) => {
    await h.define("orders", { priorities: 1 });
    expect(await h.publish("orders", urgent(1), urgent(0))).toMatchObject([{ error: "BAD_REQUEST" }, { duplicate: false }]);
  });

  for (const ordering of ["key", "fifo"] as const) {
    suite.case(`P2: a priority is BAD_REQUEST where ordering is ${ordering}; 0 is none`, async (h) => {
      await h.define("orders", { ordering });
      const fates = await h.publish("orders", { body: 1, key: "a", priority: 1 }, { body: 2, key: "a", priority: 0 });
      expect(fates).toMatchObject([{ error: "BAD_REQUEST" }, { duplicate: false }]);
      const failed = h.publishAll({ queue: "orders", drafts: [{ body: 3, key: "a", priority: 9 }] });
      await expect(failed).rejects.toMatchObject({
        code: "BAD_REQUEST",
        message: `priority is 9, expected 0: ordering is "${ordering}" for queue orders`,
      });
      expect(await h.bodies("orders")).toEqual([2]);
    });
  }

  suite.case("D1: an array over several queues is refused whole for one priority too high, and stored whole without", async (h) => {
    await h.define("a");
    await h.define("b", { priorities: 5 });
    const failed = h.publishAll({ queue: "a", drafts: [urgent(9), urgent(0)] }, { queue: "b", drafts: [urgent(4), urgent(5)] });
    await expect(failed).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: "priority is 5, expected 0 to 4: priorities is 5 for queue b",
    });
    expect([await h.bodies("a"), await h.bodies("b")]).toEqual([[], []]);
    await h.publishAll({ queue: "a", drafts: [urgent(9), urgent(0)] }, { queue: "b", drafts: [urgent(4)] });
    expect([await h.bodies("a"), await h.bodies("b")]).toEqual([["9-0", "0-0"], ["4-0"]]);
  });

  suite.case("P4: what was stored before gives its first receipt, whichever level it is in", async (h) => {
    await h.define("orders");
    const producer = { id: "p", firstNumber: 1, oldestOpen: 1 };
    const [chosen] = await h.publish("orders", { id: "chosen", body: "cod", priority: 4 });
    const produced = await h.produce("orders", producer, urgent(9), urgent(0), urgent(3));
    expect(await h.publish("orders", { id: "chosen", body: "cod", priority: 4 })).toEqual([
      { sequence: chosen?.sequence, duplicate: true },
    ]);
    const again = await h.produce("orders", producer, urgent(9), urgent(0), urgent(3));
    expect(again).toEqual(produced.map(({ sequence }) => ({ sequence, duplicate: true })));
    expect((await h.stats("orders")).ready).toBe(4);
  });
}

const inFlight = (deliveries: readonly Delivery[]): unknown[] => deliveries.map(({ body, attempt }) => [body, attempt]);

function testPriorityAttempts(suite: Suite): void {
  suite.case("L4: a message that always fails is dead after its attempts, as in any level", async (h) => {
    await h.define("orders", { maxAttempts: 2 });
    await h.publish("orders", urgent(5), urgent(0));
    const consumer = await h.attach("orders", 1);
    for (const attempt of [1, 2]) {
      const delivery = await h.takeOne(consumer);
      expect(delivery).toMatchObject({ body: "5-0", attempt });
      await h.nack(consumer, delivery, { delayMs: 0, reason: "busy" });
      await h.quiet();
    }
    expect(await h.scan("orders.dead")).toMatchObject([
      { body: "5-0", priority: 5, history: { reason: "attempts", attempts: 2, error: "busy" } },
    ]);
    expect(await h.takeOne(consumer)).toMatchObject({ body: "0-0", attempt: 1 });
  });

  suite.case("T2: what is too old when it would be leased does not hold up the levels below it", async (h) => {
    await h.define("orders");
    // Not a full second, when expired messages are looked for that nobody asks for.
    await h.clock.advance(1);
    await h.publish("orders", ...Array.from({ length: 20 }, () => ({ body: "high", priority: 8, ttlMs: 1_000 })));
    const consumer = await h.attach("orders");
    await h.publish("orders", "low", { body: "middle", priority: 3 });
    await h.clock.advance(1_000);
    expect(
      (await h.lease(consumer)).map(({ body }) => body),
      "in the call that finds it",
    ).toEqual(["middle", "low"]);
  });

  if (suite.restarts.includes("reopen")) {
    suite.case("L4: a graceful end returns what is in flight of every level and counts nothing", async (h) => {
      await h.define("orders", { maxAttempts: 1 });
      await h.publish("orders", ...several(8, 2), urgent(3), urgent(0));
      for (let life = 0; life < 3; life++) {
        const held = await h.take(await h.attach("orders"), 4);
        expect(inFlight(held)).toEqual(["8-0", "8-1", "3-0", "0-0"].map((body) => [body, 1]));
        await h.restart("reopen");
      }
      expect(await h.stats("orders")).toMatchObject({ ready: 4, inFlight: 0, dead: 0 });
    });
  }
  if (suite.restarts.includes("crash")) testCrashes(suite);
}

function testCrashes(suite: Suite): void {
  suite.case("L4: what is in flight at a crash counts one attempt in each level, what was not leased none", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(8, 3), ...several(3, 2), ...several(0, 2));
    const first = await h.attach("orders", 2);
    await h.take(first, 2);
    await h.restart("crash");
    expect(await h.stats("orders")).toMatchObject({ inFlight: 0, ready: 7 });
    const second = await h.take(await h.attach("orders", 4), 4);
    expect(inFlight(second)).toEqual([
      ["8-0", 2],
      ["8-1", 2],
      ["8-2", 1],
      ["3-0", 1],
    ]);
    await h.restart("crash");
    await h.restart("crash");
    expect(inFlight(await h.take(await h.attach("orders"), 7)).sort()).toEqual([
      ["0-0", 1],
      ["0-1", 1],
      ["3-0", 2],
      ["3-1", 1],
      ["8-0", 3],
      ["8-1", 3],
      ["8-2", 2],
    ]);
  });

  suite.case("L4: what is published after leases of its level counts nothing at a crash, also with the clock set back", async (h) => {
    await h.define("orders", { maxAttempts: 2 });
    await h.publish("orders", ...several(5, 2));
    await h.take(await h.attach("orders", 2), 2);
    await h.publish("orders", urgent(5, 2));
    h.clock.jump(-3_600_000);
    await h.restart("crash");
    await h.publish("orders", urgent(5, 3));
    expect(inFlight(await h.take(await h.attach("orders"), 4)).sort()).toEqual([
      ["5-0", 2],
      ["5-1", 2],
      ["5-2", 1],
      ["5-3", 1],
    ]);
    h.clock.jump(3_600_000);
  });

  suite.case("L4, D1: a crash at the last attempt takes messages of any level to the dead letters, once", async (h) => {
    await h.define("orders", { maxAttempts: 1 });
    await h.publish("orders", ...several(7, 300));
    await h.take(await h.attach("orders", 200), 200);
    await h.restart("crash");
    expect(await h.stats("orders"), "without a consumer").toMatchObject({ dead: 200, ready: 100 });
    await h.restart("crash");
    expect((await h.scan("orders.dead")).map(({ priority }) => priority)).toEqual(new Array(200).fill(7));
    expect(await h.take(await h.attach("orders"), 100)).toHaveLength(100);
  });
}

function testUpkeep(suite: Suite): void {
  suite.eachRestart(
    (way) => `G1: a purge takes every level, in flight, delayed and unread after ${way}; what comes after it stays`,
    async (h, way) => {
      await h.define("orders");
      await h.publish("orders", ...several(9, 3), ...several(4, 2), urgent(0));
      await h.restart(way);
      const consumer = await h.attach("orders");
      const [held, failed] = await h.take(consumer, 2);
      if (held === undefined || failed === undefined) throw new Error("two deliveries expected");
      await h.nack(consumer, failed);
      const [, count] = await Promise.all([
        h.publish("orders", urgent(9, 3)),
        h.engine.purge(h.address("orders")),
        h.publish("orders", urgent(9, 4), urgent(0, 1)),
      ]);
      expect(count).toBe(7);
      expect(await h.ack(consumer, held)).toEqual(["STALE_LEASE"]);
      await h.restart(way);
      expect(inFlight(await h.take(await h.attach("orders"), 2))).toEqual([
        ["9-4", 1],
        ["0-1", 1],
      ]);
    },
  );

  suite.case("G1: after a purge nothing that waited in any level is leased, what comes then is", async (h) => {
    await h.define("orders");
    const consumer = await h.attach("orders", 1);
    await h.publish("orders", ...several(9, 3), ...several(4, 2), urgent(0));
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 0 });
    expect(await h.engine.purge(h.address("orders"))).toBe(6);
    await h.publish("orders", urgent(4, 7));
    const delivery = await h.takeOne(consumer);
    expect(delivery).toMatchObject({ body: "4-7", attempt: 1 });
    await h.ack(consumer, delivery);
    await h.expectNothing(consumer);
  });

  suite.case("C1: stats tell of all levels together", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(9, 2), ...several(4, 2), ...several(0, 2));
    const consumer = await h.attach("orders", 3);
    const [acked, failed] = await h.take(consumer, 3);
    if (acked === undefined || failed === undefined) throw new Error("three deliveries expected");
    await h.ack(consumer, acked);
    await h.nack(consumer, failed);
    expect(await h.stats("orders")).toMatchObject({ published: 6, acked: 1, delayed: 1, inFlight: 1, ready: 3 });
  });

  suite.case("a paused queue gives nothing of any level", async (h) => {
    await h.define("orders");
    const consumer = await h.attach("orders");
    await h.engine.pause(h.address("orders"));
    await h.publish("orders", urgent(9), urgent(0));
    await h.expectNothing(consumer);
    await h.engine.resume(h.address("orders"));
    expect(bodiesOf(await h.take(consumer, 2))).toEqual(["9-0", "0-0"]);
  });

  suite.eachRestart(
    (way) => `a queue that was removed leaves no level behind, also after ${way}`,
    async (h, way) => {
      await h.define("orders");
      await h.publish("orders", ...several(9, 3));
      await h.take(await h.attach("orders", 1), 1);
      await h.engine.remove(h.address("orders"));
      await h.define("orders");
      await h.restart(way);
      await h.publish("orders", urgent(9, 7));
      const consumer = await h.attach("orders");
      expect(await h.takeOne(consumer)).toMatchObject({ body: "9-7", attempt: 1 });
      await h.expectNothing(consumer);
    },
  );

  suite.case("C2: depthMax counts all levels", async (h) => {
    await h.define("orders", { depthMax: 3 });
    expect(await h.publish("orders", urgent(9), urgent(0), urgent(1), urgent(9, 1))).toMatchObject([{}, {}, {}, { error: "QUEUE_FULL" }]);
  });

  suite.case("D1: the oldest gives way whatever its level, also before it is durable", async (h) => {
    await h.define("orders", { depthMax: 3, overflow: "dead-letter-oldest" });
    await h.publish("orders", urgent(9), urgent(0), urgent(4), urgent(0, 1), urgent(2));
    expect(await h.bodies("orders")).toEqual(["4-0", "0-1", "2-0"]);
    await Promise.all([h.publish("orders", urgent(1)), h.publish("orders", urgent(0, 2))]);
    await h.publishAll({ queue: "orders", drafts: several(8, 2) });
    expect(await h.bodies("orders")).toEqual(["0-2", "8-0", "8-1"]);
    expect(await h.bodies("orders.dead")).toEqual(["9-0", "0-0", "4-0", "0-1", "2-0", "1-0"]);
    expect(bodiesOf(await h.take(await h.attach("orders"), 3))).toEqual(["8-0", "8-1", "0-2"]);
  });

  suite.case("L3, D1: with a consumer at work in a full queue every message is delivered or dead, once", async (h) => {
    await h.define("orders", { depthMax: 7, overflow: "dead-letter-oldest" });
    const consumer = await h.attach("orders", 3);
    const acked: unknown[] = [];
    for (let round = 0; round < 60; round++) {
      const publishes = [0, 3, 7].map((priority) =>
        h.publish(
          "orders",
          ...Array.from({ length: 1 + (round % 3) }, (_, at) => urgent(priority, round * 10 + at)),
          urgent(0, 1_000 + round * 10 + priority),
        ),
      );
      if (round % 2 === 0) await Promise.all(publishes);
      const taken = await h.lease(consumer, 3);
      acked.push(...bodiesOf(taken));
      await h.ack(consumer, ...taken);
      await Promise.all(publishes);
    }
    const all = [...acked, ...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))];
    expect(all, "none twice").toHaveLength(new Set(all).size);
    expect(all).toHaveLength((await h.stats("orders")).published);
    expect(acked.length).toBeGreaterThan(60);
  });
}

function testLetters(suite: Suite): void {
  suite.case("D1: a dead letter keeps its priority, lies in the order of dying, and goes home to its level", async (h) => {
    await h.define("orders");
    await h.publish("orders", urgent(0), urgent(2), urgent(8));
    const consumer = await h.attach("orders");
    const held = await h.take(consumer, 3);
    for (const delivery of [...held].reverse()) await h.reject(consumer, delivery, "no");
    expect((await h.scan("orders.dead")).map(({ body, priority }) => [body, priority])).toEqual([
      ["0-0", 0],
      ["2-0", 2],
      ["8-0", 8],
    ]);
    await h.publish("orders", urgent(1));
    expect(await h.engine.redrive(h.address("orders"), undefined)).toBe(3);
    expect(inFlight(await h.take(consumer, 4))).toEqual([
      ["8-0", 1],
      ["2-0", 1],
      ["1-0", 1],
      ["0-0", 1],
    ]);
    expect(await h.stats("orders")).toMatchObject({ redriven: 3, dead: 3, inFlight: 4 });
  });

  suite.case("D1: a letter above the levels that its queue has now goes home to the highest, as it was published", async (h) => {
    await h.define("orders");
    await h.publish("orders", urgent(9), urgent(1));
    const consumer = await h.attach("orders");
    for (const delivery of await h.take(consumer, 2)) await h.reject(consumer, delivery);
    await h.define("orders", { priorities: 2 });
    await h.engine.redrive(h.address("orders"), undefined);
    expect((await h.take(consumer, 2)).map(({ body, priority }) => [body, priority])).toEqual([
      ["9-0", 9],
      ["1-0", 1],
    ]);
  });

  suite.case("D1: letters of a dead-letter queue that were given back there move on with the others", async (h) => {
    await h.define("orders");
    await h.publish("orders", ...several(6, 4));
    const consumer = await h.attach("orders");
    for (const delivery of await h.take(consumer, 4)) await h.reject(consumer, delivery);
    const looker = await h.attach("orders.dead", 1);
    await h.nack(looker, await h.takeOne(looker), { delayMs: 60_000 });
    expect(await h.engine.redrive(h.address("orders"), undefined)).toBe(4);
    expect(bodiesOf(await h.take(consumer, 4))).toEqual(several(6, 4).map((draft) => Object(draft).body));
  });
}
