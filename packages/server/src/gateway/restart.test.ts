import { afterEach, describe, expect, it } from "vitest";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FailingStore } from "./failing-store.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

type Callback = (...args: unknown[]) => void;

const hosts: TestHost[] = [];
const open = async (...options: Parameters<typeof TestHost.open>): Promise<TestHost> => {
  const host = await TestHost.open(...options);
  hosts.push(host);
  return host;
};

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

describe("another process on the same data", () => {
  it("L1: a callback of before the restart settles nothing, by whatever connection it comes", async () => {
    const store = new MemoryStore();
    const before = await open({ engine: createMemoryEngine({ store }) });
    const client = await before.client({ reconnection: true });
    const deliveries = new Happenings<PlainDelivery>();
    const callbacks: Callback[] = [];
    const answered = (delivery: PlainDelivery, callback: Callback): void => {
      callbacks.push(callback);
      deliveries.add(delivery);
    };
    const old = await consume(client, { queue: "q", maxInFlight: 3 }, answered);
    for (const body of [1, 2, 3]) await ask(client, "holdfast:publish", { queue: "q", body });
    const [first] = await deliveries.count(3);
    const { port } = before;
    const gone = new Promise((resolve) => client.once("disconnect", resolve));
    await before.stop();
    await gone;

    const after = await open({ engine: createMemoryEngine({ store }), port });
    await until(() => client.connected);
    client.off("holdfast:delivery");
    expect(await ask(client, "holdfast:consume", { queue: "q", consumer: old })).toMatchObject({ error: { code: "NOT_FOUND" } });
    const consumer = await consume(client, { queue: "q", maxInFlight: 3 }, answered);
    await deliveries.count(6);
    for (const callback of callbacks.slice(0, 3)) callback({ reject: {} });
    const stale = { consumer, settlements: [{ token: first?.token, ack: true }] };
    expect(await ask(client, "holdfast:settle", stale)).toMatchObject({ results: [{ ok: false, error: { code: "STALE_LEASE" } }] });
    expect(await after.holdfast.queue("q").stats()).toMatchObject({ inFlight: 3, dead: 0, acked: 0 });
    for (const callback of callbacks.slice(3)) callback();
    await until(async () => (await after.holdfast.queue("q").stats()).acked === 3);
  });
});

describe("an engine that stops and opens again", () => {
  it("answers UNKNOWN or ENGINE_UNAVAILABLE, and plain and in-process consumers go on by themselves", async () => {
    const store = new FailingStore(new MemoryStore());
    const host = await open({ engine: createMemoryEngine({ store }) });
    const client = await host.client();
    let cancelled = 0;
    client.on("holdfast:cancelled", () => cancelled++);
    const plain = new Happenings<readonly [PlainDelivery, Callback]>();
    await consume(client, { queue: "plain" }, (delivery, callback) => plain.add([delivery, callback]));
    const inside = new Happenings<unknown>();
    const consumer = host.holdfast.queue("inside").consume((delivery) => inside.add(delivery.body));
    await consumer.ready;
    await ask(client, "holdfast:publish", { queue: "plain", body: "before" });
    const [[, late] = []] = await plain.count(1);

    store.fails = true;
    const lost = await ask(client, "holdfast:publish", { queue: "plain", body: "lost" });
    expect(lost).toMatchObject({ ok: false, error: { code: "UNKNOWN", retryable: true } });
    expect(host.holdfast.ready).toBe(false);
    expect(host.holdfast.failure?.message).toContain("on fire");
    for (const queue of ["plain", "never-seen"]) {
      const refused = await ask(client, "holdfast:publish", { queue, body: 1 });
      expect(refused).toMatchObject({ ok: false, error: { code: "ENGINE_UNAVAILABLE", retryable: true } });
    }
    store.fails = false;
    await until(() => host.holdfast.ready);

    const again = (await plain.count(2)).at(1);
    expect(again?.[0]).toMatchObject({ body: "before", attempt: 2 });
    late?.({ reject: {} });
    again?.[1]();
    await until(async () => (await host.holdfast.queue("plain").stats()).acked === 1);
    expect(await host.holdfast.queue("plain").stats()).toMatchObject({ dead: 0 });
    await ask(client, "holdfast:publish", { queue: "inside", body: "after" });
    expect(await inside.count(1)).toEqual(["after"]);
    expect(cancelled).toBe(0);
  });
});
