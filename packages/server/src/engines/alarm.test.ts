import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Harness } from "./conformance/harness.js";
import { RoomsOf } from "./conformance/phone.js";
import { GatedStore } from "./gated-store.js";
import { hostOn } from "./memory/memory-host.js";
import { MemoryStore } from "./memory/memory-store.js";

const LEASE_MS = 5_000;

let store: GatedStore;
let h: Harness;

beforeEach(async () => {
  store = new GatedStore(new MemoryStore());
  h = await Harness.open(hostOn(store, () => 0));
});

afterEach(() => h.close());

describe("the alarm of an engine", () => {
  it("L5: rings in a life in whose beginning a device settled something late", async () => {
    await h.define("orders", { leaseMs: LEASE_MS });
    const rooms = new RoomsOf(h);
    await h.engine.defineRoom(rooms.address("a"), { retention: { maxAgeMs: 30_000 } });
    await rooms.emit("a", 1);
    h.failNextCommit(false);
    await h.publish("orders", "lost").catch(() => {});
    await h.until("the engine to stop", () => h.told.states.some((error) => error !== undefined));
    h.told.clear();
    const start = store.hold("before write");
    let begins = false;
    void start.reached.then(() => {
      begins = true;
    });
    await h.until("the next life to begin", async () => {
      await h.clock.advance(100);
      return begins;
    });
    // The life is not there yet: what comes for a session of the one before changes nothing, and sets no alarm.
    expect(h.engine.settleRoom(1, 1, [{ first: 1, count: 1, verb: "ack" }])).toBe(0);
    await h.clock.advance(60_000);
    await start.open();
    await h.until("the engine to serve", () => h.told.states.includes(undefined));
    const consumer = await h.attach("orders");
    await h.publish("orders", 1);
    await h.take(consumer, 1);
    await h.clock.advance(LEASE_MS);
    await h.until("the lease to run out", () => h.told.expired.length > 0);
  });
});
