import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Harness } from "./conformance/harness.js";
import { turn } from "./conformance/manual-clock.js";
import { Phone, RoomsOf } from "./conformance/phone.js";
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

/** Whether a call is over by now. */
async function isOver(call: Promise<unknown>): Promise<boolean> {
  let over = false;
  void call.then(() => {
    over = true;
  });
  for (let turns = 0; turns < 5; turns++) await turn();
  return over;
}

describe("a call that changes nothing while a commit is under way", () => {
  it("S1: to attach a device waits for what another connection made of it", async () => {
    await new RoomsOf(h).add("a", "anna");
    await Phone.attach(h, "anna", "first");
    const write = store.hold("before write");
    const other = Phone.attach(h, "anna", "later");
    await write.reached;
    const again = Phone.attach(h, "anna", "later");
    expect(await isOver(again)).toBe(false);
    await write.open();
    await Promise.all([other, again]);
  });

  it("S1: to add a member again is answered with that commit", async () => {
    const rooms = new RoomsOf(h);
    const write = store.hold("before write");
    const first = rooms.add("a", "anna");
    await write.reached;
    const again = rooms.add("a", "anna");
    expect(await isOver(again)).toBe(false);
    await write.open();
    expect(await first).toEqual(await again);
  });
});

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
    const taken = h.lease(consumer, 2);
    expect(await isOver(taken)).toBe(false);
    await commit.open();
    expect((await taken)[0]?.body).toBe(2);
    await published;
  });
});
