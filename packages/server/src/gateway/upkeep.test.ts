import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

type Client = Awaited<ReturnType<TestHost["client"]>>;

/** Publishes and rejects messages, so that they are dead letters. */
async function kill(client: Client, queue: string, ...ids: string[]): Promise<void> {
  for (const id of ids) await ask(client, "holdfast:publish", { queue, id, body: { item: id } });
  const consumer = await consume(client, { queue }, (_, settle) => settle({ reject: { reason: "no such fish" } }));
  await until(async () => (await host.holdfast.queue(queue).stats()).dead === ids.length);
  await ask(client, "holdfast:cancel", { consumer });
}

describe("purge", () => {
  it("G1: removes what waits and what is in flight; the callback of a purged delivery settles nothing, and room is free again", async () => {
    const client = await host.client();
    const deliveries = new Happenings<[PlainDelivery, (...args: unknown[]) => void]>();
    await consume(client, { queue: "orders", maxInFlight: 1 }, (delivery, settle) => deliveries.add([delivery, settle]));
    for (const body of [1, 2, 3]) await ask(client, "holdfast:publish", { queue: "orders", body });
    const [[delivery, settle] = []] = await deliveries.count(1);
    expect(await ask(client, "holdfast:purge", { queue: "orders" })).toEqual({ ok: true, count: 3 });
    settle?.();
    const late = await ask(client, "holdfast:settle", {
      consumer: delivery?.consumer,
      settlements: [{ token: delivery?.token, ack: true }],
    });
    expect(late).toMatchObject({ results: [{ ok: false, error: { code: "STALE_LEASE" } }] });
    await ask(client, "holdfast:publish", { queue: "orders", body: 4 });
    expect((await deliveries.count(2))[1]?.[0]).toMatchObject({ body: 4 });
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ purged: 3, acked: 0, inFlight: 1 });
  });

  it("removes the dead letters with `dead`, and only those", async () => {
    const client = await host.client();
    await kill(client, "orders", "a", "b");
    await ask(client, "holdfast:publish", { queue: "orders", body: "stays" });
    expect(await ask(client, "holdfast:purge", { queue: "orders", dead: true })).toEqual({ ok: true, count: 2 });
    expect(await ask(client, "holdfast:dead", { queue: "orders" })).toEqual({ ok: true, items: [] });
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ ready: 1, dead: 2, purged: 0 });
  });
});

describe("pause and resume", () => {
  it("hold deliveries back and let them come", async () => {
    const client = await host.client();
    const bodies = new Happenings<unknown>();
    await consume(client, { queue: "orders" }, ({ body }, settle) => {
      settle();
      bodies.add(body);
    });
    expect(await ask(client, "holdfast:pause", { queue: "orders" })).toEqual({ ok: true });
    await ask(client, "holdfast:publish", { queue: "orders", body: 1 });
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ paused: true, ready: 1 });
    expect(bodies.items).toEqual([]);
    expect(await ask(client, "holdfast:resume", { queue: "orders" })).toEqual({ ok: true });
    expect(await bodies.count(1)).toEqual([1]);
  });

  it("concern the dead-letter queue with `dead`", async () => {
    const client = await host.client();
    await kill(client, "orders", "a");
    await ask(client, "holdfast:pause", { queue: "orders", dead: true });
    expect(await ask(client, "holdfast:stats", { queue: "orders.dead" })).toMatchObject({ paused: true });
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ paused: false });
    await ask(client, "holdfast:resume", { queue: "orders", dead: true });
    expect(await ask(client, "holdfast:stats", { queue: "orders.dead" })).toMatchObject({ paused: false });
    await ask(client, "holdfast:define", { queue: "clicks", deadLetter: false });
    expect(await ask(client, "holdfast:pause", { queue: "clicks", dead: true })).toMatchObject({ error: { code: "NOT_FOUND" } });
  });

  it("concern with `dead` also a dead-letter queue that had no letter yet, and the first one finds it paused", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders" });
    expect(await ask(client, "holdfast:resume", { queue: "orders", dead: true })).toEqual({ ok: true });
    expect(await ask(client, "holdfast:pause", { queue: "orders", dead: true })).toEqual({ ok: true });
    await kill(client, "orders", "a");
    expect(await ask(client, "holdfast:stats", { queue: "orders.dead" })).toMatchObject({ paused: true, ready: 1 });
    expect(await ask(client, "holdfast:resume", { queue: "orders", dead: true })).toEqual({ ok: true });
    expect(await ask(client, "holdfast:stats", { queue: "orders.dead" })).toMatchObject({ paused: false, ready: 1 });
    for (const operation of ["pause", "resume"]) {
      expect(await ask(client, `holdfast:${operation}`, { queue: "nothing", dead: true })).toMatchObject({ error: { code: "NOT_FOUND" } });
    }
  });
});

describe("dead letters", () => {
  it("are listed with their history, in pages", async () => {
    const client = await host.client();
    await kill(client, "orders", "a", "b", "c");
    const first = await ask(client, "holdfast:dead", { queue: "orders", limit: 2 });
    const [a, b] = first.items as Record<string, unknown>[];
    expect(a).toMatchObject({ id: "a", body: { item: "a" }, state: "ready", attempts: 0 });
    expect(a?.history).toMatchObject({ namespace: "/", queue: "orders", reason: "rejected", error: "no such fish", attempts: 1 });
    expect(b).toMatchObject({ id: "b" });
    expect(first.next).toBe(b?.sequence);
    const rest = await ask(client, "holdfast:dead", { queue: "orders", after: first.next });
    expect(rest).toMatchObject({ ok: true, items: [{ id: "c" }] });
    expect(rest).not.toHaveProperty("next");
  });

  it("D1: are redriven, all or by id, and delivered without their history", async () => {
    const client = await host.client();
    await kill(client, "orders", "a", "b", "c");
    expect(await ask(client, "holdfast:redrive", { queue: "orders", ids: ["b"] })).toEqual({ ok: true, count: 1 });
    expect(await ask(client, "holdfast:redrive", { queue: "orders" })).toEqual({ ok: true, count: 2 });
    const deliveries = new Happenings<PlainDelivery>();
    await consume(await host.client(), { queue: "orders" }, (delivery, settle) => {
      settle();
      deliveries.add(delivery);
    });
    const back = await deliveries.count(3);
    expect(back.map(({ id, attempt }) => [id, attempt])).toEqual([
      ["b", 1],
      ["a", 1],
      ["c", 1],
    ]);
    for (const delivery of back) expect(delivery).not.toHaveProperty("history");
  });

  it("are managed from inside the process too", async () => {
    const client = await host.client();
    await kill(client, "orders", "a", "b", "c");
    const orders = host.holdfast.queue("orders");
    expect((await orders.deadLetters({ limit: 1 })).items).toMatchObject([{ id: "a", history: { reason: "rejected" } }]);
    expect(await orders.redrive({ ids: ["c"] })).toBe(1);
    expect(await orders.purgeDeadLetters()).toBe(2);
    await orders.pause();
    expect(await orders.stats()).toMatchObject({ paused: true, redriven: 1 });
    await orders.resume();
    expect(await orders.purge()).toBe(1);
    await expect(orders.redrive({ ids: [] })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });
});

describe("requests that are not as they should be", () => {
  it.each([
    ["holdfast:purge", { queue: "orders", dead: false }],
    ["holdfast:purge", { queue: "orders", through: 5 }],
    ["holdfast:pause", { queue: "or ders" }],
    ["holdfast:resume", {}],
    ["holdfast:redrive", { queue: "orders", ids: [] }],
    ["holdfast:redrive", { queue: "orders", ids: [7] }],
    ["holdfast:redrive", { queue: "orders", ids: Array.from({ length: 1_001 }, (_, index) => `id-${index}`) }],
    ["holdfast:redrive", { queue: "orders", dead: true }],
    ["holdfast:dead", { queue: "orders", limit: 0 }],
  ])("%s %j is BAD_REQUEST", async (event, payload) => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders" });
    expect(await ask(client, event, payload)).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", retryable: false } });
  });

  it.each(["purge", "pause", "resume", "dead", "redrive"])("%s of a queue that is not there is NOT_FOUND", async (operation) => {
    const client = await host.client();
    expect(await ask(client, `holdfast:${operation}`, { queue: "nothing" })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
  });
});
