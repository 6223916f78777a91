import { afterEach, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FailingStore } from "./failing-store.js";
import { Peer } from "./peer.js";
import { TestHost, until } from "./test-host.js";

let host: TestHost;

afterEach(() => host.close());

it("who watches is told to ask again when the engine begins a new life, and then hears everything", async () => {
  const clock = new ManualClock();
  const store = new FailingStore(new MemoryStore());
  host = await TestHost.open({ engine: createMemoryEngine({ store, clock }), clock });
  const kitchen = host.holdfast.room("kitchen");
  for (const user of ["ann", "bob"]) await kitchen.add({ user });
  const ann = await Peer.connect(host, { user: "ann" });
  const seen: unknown[] = [];
  await kitchen.watchPresence((changes) => void seen.push(changes));
  await ann.ask("presence", { room: "kitchen", watch: true });
  await ann.ask("receipts", { room: "kitchen", watch: true });
  await ann.ask("emit", { room: "kitchen", event: "n", args: [], id: "m1" });
  store.fails = true;
  expect((await ann.ask("emit", { room: "kitchen", event: "n", args: [] })).ok).toBe(false);
  store.fails = false;
  await until(async () => {
    await clock.advance(1_000);
    return host.holdfast.ready;
  });
  const told = (event: string): unknown[] => ann.events.items.flatMap(([name, payload]) => (name === event ? [payload] : []));
  await until(async () => {
    await clock.advance(250);
    return told("holdfast:presence").length > 0 && told("holdfast:receipts").some((payload) => (payload as { again?: true }).again);
  });
  expect(told("holdfast:presence")[0]).toEqual({ room: "kitchen", again: true });
  expect(seen[0]).toBeUndefined();
  const counts = { delivered: 1, pending: 1, failed: 0 };
  await until(async () => {
    await clock.advance(250);
    const { items } = await ann.ask("receipts", { room: "kitchen", watch: true, from: 1 });
    return JSON.stringify((items as { counts: object }[])[0]?.counts) === JSON.stringify(counts);
  });
  await Peer.connect(host, { user: "bob" });
  await until(async () => {
    await clock.advance(250);
    return JSON.stringify(told("holdfast:presence").at(-1)).includes('"bob"');
  });
  expect(told("holdfast:presence").at(-1)).toEqual({ room: "kitchen", changes: [{ user: "bob", online: true }] });
});
