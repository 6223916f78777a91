import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { Harness } from "./conformance/harness.js";
import { StoredHost } from "./conformance/stored-host.js";
import { createMemoryEngine } from "./memory/memory-engine.js";
import { MemoryStore } from "./memory/memory-store.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A store on a disk that is full when a test says so. */
class SmallStore extends MemoryStore {
  spare = 1;

  override async spareBytes(): Promise<number> {
    return this.spare;
  }
}

let store: SmallStore;
let h: Harness;

beforeEach(async () => {
  store = new SmallStore();
  h = await Harness.open(
    new StoredHost({
      store: () => store,
      engine: (fragile, clock) => createMemoryEngine({ store: fragile, clock, random: () => 0 }),
      destroy: async () => {},
    }),
  );
  await h.define("orders");
});

afterEach(() => h.close());

const schedule = (name: string, cron: string, queue = "orders", namespace = "/"): Promise<number> =>
  h.engine.schedule(h.address(queue, namespace), name, { cron, timezone: "UTC", record: h.packed(name).records });

const published = async (): Promise<number> => (await h.stats("orders")).published;

describe("a full disk", () => {
  it("refuses schedules, and holds occurrences back, which come as one when there is room again", async () => {
    await schedule("tick", "* * * * *");
    store.spare = -1;
    await h.clock.advance(1_000);
    await h.until("the engine sees that the disk is full", async () => {
      await h.quiet();
      return schedule("other", "* * * * *").then(
        () => false,
        ({ code }) => code === "DISK_FULL",
      );
    });
    await h.clock.advance(5 * MINUTE_MS);
    await h.quiet();
    const before = await published();
    store.spare = 1;
    await h.until("it comes", async () => {
      await h.clock.advance(1_000);
      return (await published()) > before;
    });
    expect(before).toBe(0);
    await h.quiet();
    expect(await published()).toBe(1);
  });
});

it("C2: at most 10,000 schedules of a namespace; others are not concerned, and a deleted queue gives its share back", async () => {
  for (let queue = 0; queue < 10; queue++) {
    await h.define(`q${queue}`);
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => schedule(`s${index}`, "@yearly", `q${queue}`)));
  }
  await expect(schedule("more", "@yearly")).rejects.toMatchObject({ code: "TOO_LARGE", retryable: false });
  await h.define("orders", {}, "/other");
  await schedule("more", "@yearly", "orders", "/other");
  await h.restart("crash");
  await expect(schedule("more", "@yearly")).rejects.toMatchObject({ code: "TOO_LARGE" });
  await h.engine.remove(h.address("q0"));
  await schedule("more", "@yearly");
});

it("a zone that this process does not know any more ends the schedule's times, and nothing else", async () => {
  const at = await schedule("lost", "0 0 * * *");
  await schedule("other", "0 0 * * *");
  await h.quiet();
  const key = keys.scheduleKey(1, "lost");
  const stored = JSON.parse(Buffer.from(store.get(key) ?? []).toString()) as object;
  await h.close();
  await store.write([{ key, value: Buffer.from(JSON.stringify({ ...stored, timezone: "Mars/Olympus" })) }]);
  await h.restart("reopen");
  await h.clock.advance(at - h.clock.now());
  await h.clock.advance(DAY_MS);
  await h.quiet();
  expect((await h.scan("orders")).map(({ body }) => body).sort()).toEqual(["lost", "other", "other"]);
  const { items } = await h.engine.schedules(h.address("orders"), undefined, 10);
  expect(items.map(({ name, next, published }) => [name, next, published])).toEqual([
    ["lost", undefined, 1],
    ["other", at + 2 * DAY_MS, 2],
  ]);
  expect(h.told.states).toEqual([]);
  expect(await schedule("lost", "0 0 * * *"), "set again it goes on").toBe(at + 2 * DAY_MS);
});

it("the deletion of a queue clears its schedules from the store", async () => {
  await schedule("tick", "* * * * *");
  await h.engine.remove(h.address("orders"));
  await h.until("they are cleared", () => store.get(keys.scheduleKey(1, "tick")) === undefined);
  await h.until("the messages too", () => store.get(keys.scheduledKey(1, "tick")) === undefined);
});
