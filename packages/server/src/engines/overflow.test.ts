import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Harness } from "./conformance/harness.js";
import { turn } from "./conformance/manual-clock.js";
import { GatedStore } from "./gated-store.js";
import { hostOn } from "./memory/memory-host.js";
import { MemoryStore } from "./memory/memory-store.js";

let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  store = new GatedStore(new MemoryStore());
  h = await Harness.open(hostOn(store, () => 0));
});

afterEach(() => h.close());

const TURNS = 20;

describe("what comes after a message that gave way", () => {
  it.each(["key", "fifo"] as const)("O1: is shown to nobody before that is durable, ordered by %s", async (ordering) => {
    await h.define("orders", { ordering, depthMax: 3, overflow: "dead-letter-oldest" });
    const consumer = await h.attach("orders");
    await h.expectNothing(consumer);
    // Somebody waits for them, so they are marked ahead, and need no commit of their own.
    await h.publish("orders", ...[1, 2, 3].map((body) => ({ key: "a", body })));
    const commit = store.hold("before write");
    const published = h.publish("orders", { key: "a", body: 4 });
    await commit.reached;
    let isShown = false;
    const taken = h.lease(consumer, 2).then((deliveries) => {
      isShown = true;
      return deliveries;
    });
    for (let count = 0; count < TURNS; count++) await turn();
    expect(isShown).toBe(false);
    await commit.open();
    expect((await taken)[0]?.body).toBe(2);
    await published;
  });
});
