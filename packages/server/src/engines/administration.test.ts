import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import type { Write } from "../store.js";
import { Harness } from "./conformance/harness.js";
import { turn } from "./conformance/manual-clock.js";
import { StoredHost } from "./conformance/stored-host.js";
import { GatedStore } from "./gated-store.js";
import { createMemoryEngine } from "./memory/memory-engine.js";
import { MemoryStore } from "./memory/memory-store.js";

/** Tells how many changes each commit had. */
class CountingStore extends MemoryStore {
  readonly commits: number[] = [];

  override async write(writes: readonly Write[]): Promise<void> {
    this.commits.push(writes.length);
    await super.write(writes);
  }
}

let counting: CountingStore;
let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  counting = new CountingStore();
  store = new GatedStore(counting);
  h = await Harness.open(
    new StoredHost({
      store: () => store,
      engine: (fragile, clock) => createMemoryEngine({ store: fragile, clock, random: () => 0 }),
      destroy: async () => {},
    }),
  );
});

afterEach(() => h.close());

const ORDERS = 1;
const DEAD = 2;
const beginsAs =
  (...start: Uint8Array[]) =>
  (key: Uint8Array): boolean =>
    start.some((each) => Buffer.compare(key.subarray(0, 5), each.subarray(0, 5)) === 0);
const ofDeadDue = beginsAs(keys.dueRange(DEAD, 0).from);
const ofDeadBlocks = beginsAs(keys.blockKey(DEAD, 0));

/** Publishes to `orders` and rejects all; resolves when the letters are stored. */
async function kill(...bodies: string[]): Promise<void> {
  await h.define("orders");
  await h.publish("orders", ...bodies);
  const consumer = await h.attach("orders", 10_000);
  const deliveries = await h.take(consumer, bodies.length);
  await h.settle(consumer, ...deliveries.map(({ lease }) => ({ first: lease, count: 1, verb: "reject" }) as const));
  await h.engine.detach(consumer, false);
}

/** How many entries of the log and the due list the store has of a queue. */
async function leftOf(queue: number): Promise<number> {
  let left = 0;
  for (const { from, to } of keys.contentRanges(queue)) {
    left += (await store.read({ from, to, entriesMax: 100_000, bytesMax: Number.MAX_SAFE_INTEGER })).length;
  }
  return left;
}

describe("a redrive", () => {
  it("D1: a letter that is acked after the read saw it in flight is not moved", async () => {
    await kill("a", "b");
    const consumer = await h.attach("orders.dead", 1);
    const held = await h.takeOne(consumer);
    const read = store.hold("after read", ofDeadDue);
    const moving = h.engine.redrive(h.address("orders"), undefined);
    await read.reached;
    const acked = h.ack(consumer, held);
    await read.open();
    expect([await moving, await acked]).toEqual([1, ["ok"]]);
    expect([...(await h.bodies("orders")), ...(await h.bodies("orders.dead"))]).toEqual(["b"]);
    await h.checkCounts();
  });

  it.each(["redrive", "deadLetters"] as const)("P2: %s whose read fails says that nothing changed", async (what) => {
    await kill("a", "b");
    const read = store.hold("before read", ofDeadBlocks);
    const { engine } = h;
    const call = what === "redrive" ? engine.redrive(h.address("orders"), undefined) : engine.deadLetters(h.address("orders"), 0, 10);
    const refused = expect(call).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    await read.reached;
    await read.fail();
    await refused;
    if (what === "redrive") await h.restart("crash");
    expect(await h.bodies("orders.dead")).toEqual(["a", "b"]);
  });

  it("D1: a letter that is acked before the read, in a commit that is not durable, is not moved", async () => {
    await kill("a", "b");
    const consumer = await h.attach("orders.dead", 2);
    const [held, other] = await h.take(consumer, 2);
    if (held === undefined || other === undefined) throw new Error("nothing leased");
    await h.release(consumer, other);
    const [again] = await h.take(consumer, 1);
    if (again === undefined) throw new Error("nothing leased");
    const commit = store.hold("before write");
    const acked = h.ack(consumer, held, again);
    await commit.reached;
    const moving = h.engine.redrive(h.address("orders"), undefined);
    await turn();
    await commit.open();
    expect([await moving, await acked]).toEqual([0, ["ok", "ok"]]);
    expect(await h.bodies("orders")).toEqual([]);
    await h.checkCounts();
  });

  it("D1: a consumer that comes while letters are read does not see those that move", async () => {
    await kill("a", "b", "c", "d");
    const [first, ...ids] = (await h.scan("orders.dead")).slice(0, 3).map(({ id }) => id);
    expect(await h.engine.redrive(h.address("orders"), [first ?? ""])).toBe(1);
    const read = store.hold("after read", ofDeadDue);
    const moving = h.engine.redrive(h.address("orders"), ids);
    await read.reached;
    const bitmaps = store.hold("after read", beginsAs(keys.settledKey(DEAD, 0)));
    const consumer = await h.attach("orders.dead");
    await h.quiet();
    await read.open();
    expect(await moving).toBe(2);
    await bitmaps.reached;
    await bitmaps.open();
    expect((await h.take(consumer, 1)).map(({ body }) => body)).toEqual(["d"]);
    await h.expectNothing(consumer);
    expect(await h.bodies("orders")).toEqual(["a", "b", "c"]);
    await h.checkCounts();
  });

  it("D1: it waits for a read of its letters that is under way", async () => {
    await kill("a", "b", "c");
    const blocks = store.hold("after read", ofDeadBlocks);
    const consumer = await h.attach("orders.dead");
    await blocks.reached;
    const moving = h.engine.redrive(h.address("orders"), undefined);
    await h.quiet();
    expect(await h.bodies("orders")).toEqual([]);
    await blocks.open();
    expect(await moving).toBe(3);
    await h.expectNothing(consumer);
    expect(await h.bodies("orders")).toEqual(["a", "b", "c"]);
    await h.checkCounts();
  });

  it.each(["purgeDeadLetters", "redrive"] as const)(
    "D1: %s takes letters whose attempts are just being counted after a crash",
    async (what) => {
      await kill("a", "b");
      const before = await h.attach("orders.dead", 2);
      for (const held of await h.take(before, 2)) await h.release(before, held);
      await h.take(before, 2);
      await h.restart("crash");
      const read = store.hold("after read", ofDeadDue);
      const consumer = await h.attach("orders.dead", 2);
      await read.reached;
      const moving = what === "redrive" ? h.engine.redrive(h.address("orders"), undefined) : h.engine.purgeDeadLetters(h.address("orders"));
      await h.quiet();
      await read.open();
      expect(await moving).toBe(2);
      await h.expectNothing(consumer);
      expect(await h.bodies("orders")).toEqual(what === "redrive" ? ["a", "b"] : []);
      await h.restart("crash");
      expect(await h.bodies("orders.dead")).toEqual([]);
      await h.checkCounts();
    },
  );

  it.each(["before write", "after write"] as const)(
    "G1: a purge takes a letter that is given back during its read, held %s",
    async (moment) => {
      await kill("a", "b");
      const consumer = await h.attach("orders.dead", 1);
      const held = await h.takeOne(consumer);
      const read = store.hold("before read", ofDeadBlocks);
      const purging = h.engine.purgeDeadLetters(h.address("orders"));
      await read.reached;
      const write = store.hold(moment);
      const released = h.release(consumer, held);
      await write.reached;
      await read.open();
      for (let round = 0; round < 10; round++) await turn();
      await write.open();
      expect([await purging, await released]).toEqual([2, ["ok"]]);
      expect(await h.bodies("orders.dead")).toEqual([]);
      await h.checkCounts();
    },
  );

  it("C2: moves at most 500 letters or 1 MiB in a commit, others between them", async () => {
    await kill(...Array.from({ length: 1_200 }, (_, index) => `body ${index}`));
    const before = counting.commits.length;
    const moving = h.engine.redrive(h.address("orders"), undefined);
    const steps: number[] = [];
    await h.until("all moved", async () => {
      const { redriven } = await h.stats("orders");
      if (redriven !== (steps.at(-1) ?? 0)) steps.push(redriven);
      return redriven === 1_200;
    });
    expect(await moving).toBe(1_200);
    expect(steps).toEqual([500, 1_000, 1_200]);
    expect(counting.commits.slice(before).length).toBeGreaterThanOrEqual(3);
  });
});

describe("a purge", () => {
  it("G1: is one small commit, and clears the store afterwards, in small ones too", async () => {
    await h.define("orders");
    const consumer = await h.attach("orders", 10_000);
    for (let batch = 0; batch < 300; batch++) await h.publish("orders", ...Array.from({ length: 20 }, (_, index) => index));
    const delayed = await h.take(consumer, 3_000);
    await h.settle(consumer, ...delayed.map(({ lease }) => ({ first: lease, count: 1, verb: "nack", delayMs: 60_000 }) as const));
    counting.commits.length = 0;
    expect(await h.engine.purge(h.address("orders"))).toBe(6_000);
    expect(Math.max(...counting.commits)).toBeLessThan(10);
    await h.until("the store to be cleared", async () => (await leftOf(ORDERS)) === 0);
    await h.until("the mark to go", () => store.get(keys.purgedKey(ORDERS)) === undefined);
    expect(Math.max(...counting.commits)).toBeLessThan(1_100);
    await h.checkCounts();
  });

  it("G1: goes on clearing after a crash that came before it began", async () => {
    await h.define("orders");
    const consumer = await h.attach("orders");
    await h.publish("orders", 1, 2, 3);
    await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 });
    const clear = store.hold("before clear");
    await h.engine.purge(h.address("orders"));
    await clear.reached;
    expect(await leftOf(ORDERS)).toBeGreaterThan(0);
    const crashed = h.restart("crash");
    await clear.fail();
    await crashed;
    await h.until("the store to be cleared", async () => (await leftOf(ORDERS)) === 0);
    await h.until("the mark to go", () => store.get(keys.purgedKey(ORDERS)) === undefined);
    expect(await h.stats("orders")).toMatchObject({ published: 3, purged: 3, ready: 0 });
  });

  it.each(["goes on", "comes back from a crash"])(
    "G1: clears what was given back in an order that the queue does not have any more, where the engine %s",
    async (way) => {
      await h.define("orders", { ordering: "key" });
      const consumer = await h.attach("orders");
      await h.publish("orders", { body: 1, key: "a" }, { body: 2, key: "a" }, { body: 3, key: "a" });
      await h.nack(consumer, await h.takeOne(consumer), { delayMs: 60_000 });
      const clear = store.hold("before clear");
      await h.engine.purge(h.address("orders"));
      await clear.reached;
      await h.define("orders", { ordering: "none" });
      if (way === "goes on") await clear.open();
      else {
        const crashed = h.restart("crash");
        await clear.fail();
        await crashed;
      }
      await h.until("the mark to go", () => store.get(keys.purgedKey(ORDERS)) === undefined);
      expect(await leftOf(ORDERS)).toBe(0);
      await h.define("orders", { ordering: "key" });
      await h.restart("reopen");
      const again = await h.attach("orders");
      await h.clock.advance(60_000);
      await h.expectNothing(again);
    },
  );

  it("P1: clears nothing of a second purge before that one is durable", async () => {
    await h.define("orders");
    await h.publish("orders", "first");
    const clear = store.hold("before clear");
    await h.engine.purge(h.address("orders"));
    await clear.reached;
    await h.publish("orders", "second");
    const commit = store.hold("before write");
    void h.engine.purge(h.address("orders")).catch(() => undefined);
    await commit.reached;
    await clear.open();
    for (let round = 0; round < 10; round++) await turn();
    const crashed = h.restart("crash");
    await commit.fail();
    await crashed;
    expect(await h.bodies("orders")).toEqual(["second"]);
    await h.checkCounts();
  });
});
