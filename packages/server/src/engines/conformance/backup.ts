import { expect } from "vitest";
import type { EngineBackup } from "../../backing-up.js";
import { restoreBackup } from "../../backup/restore-backup.js";
import type { Entry } from "../../store.js";
import { hostOn } from "../memory/memory-host.js";
import { MemoryStore } from "../memory/memory-store.js";
import { Harness } from "./harness.js";
import { bodiesOf, Phone, RoomsOf } from "./phone.js";
import type { Suite } from "./suite.js";

/** A copy of everything, as it was at one moment. */
export function testBackup(suite: Suite): void {
  suite.topic("backup", () => {
    suite.case(
      "P1: a backup under load has everything that was durable before, whole commits of what came meanwhile, and nothing acked",
      async (h) => {
        await h.define("plain");
        await h.define("keyed", { ordering: "key" });
        await h.define("levels", { priorities: 3 });
        const consumer = await h.attach("plain");
        for (let round = 0; round < 50; round++) await publishPair(h, round);
        const taken = await h.take(consumer, 30);
        await h.ack(consumer, ...taken.slice(0, 20));
        await h.nack(consumer, taken[20] ?? fail(), { delayMs: 60_000 });
        await h.publish("levels", { body: "low" }, { body: "high", priority: 2 }, { body: "late", delayMs: 60_000 });
        let running = true;
        let published = 50;
        const load = (async () => {
          while (running) await publishPair(h, published++);
        })();
        const backup = await h.engine.backup();
        const pages: (readonly Entry[])[] = [];
        for (let page = await backup.next(); page.length > 0; page = await backup.next()) pages.push(page);
        await backup.close();
        running = false;
        await load;
        await onRestored(pages, 0.5, async (restored) => {
          const plain = (await restored.scan("plain")).map(({ body }) => body as number);
          const keyed = (await restored.scan("keyed")).map(({ body }) => body as number);
          const acked = new Set(taken.slice(0, 20).map(({ body }) => body));
          expect(keyed, "both of a commit, or none").toEqual([...keyed.keys()]);
          expect(keyed.length).toBeGreaterThanOrEqual(50);
          expect(keyed.length).toBeLessThanOrEqual(published);
          expect(plain.toSorted((a, b) => a - b)).toEqual(keyed.filter((body) => !acked.has(body)));
          expect((await restored.scan("levels")).map(({ body }) => body)).toEqual(["low", "high", "late"]);
          expect(await restored.stats("plain")).toMatchObject({ acked: 20, published: keyed.length });
        });
      },
    );

    suite.case("S3: rooms are in it, with their members and how far each device is", async (h) => {
      const rooms = new RoomsOf(h);
      await rooms.add("kitchen", "anna", "bob");
      await rooms.emit("kitchen", "first", "second");
      const anna = await Phone.attach(h, "anna");
      anna.ack(...(await anna.take(2)));
      // Cursors are written a few times a second.
      await h.clock.advance(1_000);
      await h.quiet();
      const pages = await pagesOf(await h.engine.backup());
      await rooms.emit("kitchen", "after the backup");
      await onRestored(pages, 0.5, async (restored) => {
        expect(await (await Phone.attach(restored, "anna")).rest()).toEqual([]);
        expect(bodiesOf(await (await Phone.attach(restored, "bob")).take(2))).toEqual(["first", "second"]);
        expect(await new RoomsOf(restored).emit("kitchen", "third")).toEqual([{ sequence: 3, duplicate: false }]);
      });
    });

    suite.case("L1: what is restored is a new life, and two that are restored from one backup have lives of their own", async (h) => {
      await h.define("orders");
      await h.publish("orders", "cod");
      const token = (await h.takeOne(await h.attach("orders"))).lease;
      const pages = await pagesOf(await h.engine.backup());
      const epochs = [h.engine.epoch];
      const lives = [h.engine.life];
      for (const random of [0.25, 0.75]) {
        await onRestored(pages, random, async (restored) => {
          epochs.push(restored.engine.epoch);
          lives.push(restored.engine.life);
          const consumer = await restored.attach("orders");
          const stale = await restored.settle(consumer, { first: token, count: 1, verb: "ack" });
          expect(stale).toMatchObject(["STALE_LEASE"]);
          // It was in flight, so that attempt counts.
          expect(await restored.takeOne(consumer)).toMatchObject({ body: "cod", attempt: 2 });
        });
      }
      expect(new Set(epochs).size).toBe(3);
      expect(new Set(lives).size).toBe(3);
    });

    suite.case("C2: one backup at a time; it ends when nobody reads it for a minute, and with the engine", async (h) => {
      await h.define("orders");
      const first = await h.engine.backup();
      await expect(h.engine.backup()).rejects.toMatchObject({ code: "RATE_LIMITED", retryable: true });
      await h.clock.advance(59_000);
      expect(await first.next()).not.toEqual([]);
      await h.clock.advance(59_000);
      expect(await first.next()).toEqual([]);
      await h.clock.advance(60_000);
      await expect(first.next()).rejects.toMatchObject({ code: "NOT_FOUND" });
      const second = await h.engine.backup();
      await h.close();
      await expect(second.next()).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}

/** One commit that stores the same in two queues. */
async function publishPair(h: Harness, body: number): Promise<void> {
  await h.publishAll({ queue: "plain", drafts: [body] }, { queue: "keyed", drafts: [{ body, key: `key ${body % 7}` }] });
}

async function pagesOf(backup: EngineBackup): Promise<(readonly Entry[])[]> {
  const pages: (readonly Entry[])[] = [];
  for (let page = await backup.next(); page.length > 0; page = await backup.next()) pages.push(page);
  await backup.close();
  return pages;
}

/** Restores into a new store, opens an engine on it, and sees afterwards that its counts add up. */
async function onRestored(pages: readonly (readonly Entry[])[], random: number, look: (restored: Harness) => Promise<void>): Promise<void> {
  const store = new MemoryStore();
  const streamed = async function* (): AsyncGenerator<readonly Entry[]> {
    yield* pages;
  };
  await restoreBackup(store, streamed(), () => random);
  const restored = await Harness.open(hostOn(store));
  try {
    await look(restored);
    await restored.checkCounts();
  } finally {
    await restored.close();
  }
}

const fail = (): never => {
  throw new Error("no delivery");
};
