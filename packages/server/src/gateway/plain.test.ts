import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

const stats = async (queue: string): Promise<Record<string, unknown>> => ({ ...(await host.holdfast.queue(queue).stats()) });

describe("publish", () => {
  it("stores one message and tells its receipt", async () => {
    const client = await host.client();
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: { item: "cod" }, id: "a" })).toEqual({
      ok: true,
      receipts: [{ id: "a", sequence: expect.any(Number), duplicate: false }],
    });
  });

  it("P4: gives the first receipt again for the same id, ID_CONFLICT for the same id with another body", async () => {
    const client = await host.client();
    const first = await ask(client, "holdfast:publish", { queue: "orders", body: 1, id: "a" });
    const again = await ask(client, "holdfast:publish", { queue: "orders", body: 1, id: "a" });
    const { sequence } = (first.receipts as { sequence: number }[])[0] ?? {};
    expect(again).toEqual({ ok: true, receipts: [{ id: "a", sequence, duplicate: true }] });
    const other = await ask(client, "holdfast:publish", { queue: "orders", body: 2, id: "a" });
    expect(other).toMatchObject({ ok: false, error: { code: "ID_CONFLICT", retryable: false } });
  });

  it("stores an array for one queue, and one over several queues, with receipts in order", async () => {
    const client = await host.client();
    const one = await ask(client, "holdfast:publish", {
      queue: "a",
      messages: [
        { body: 1, id: "x" },
        { body: 2, id: "y" },
      ],
    });
    expect((one.receipts as { id: string }[]).map(({ id }) => id)).toEqual(["x", "y"]);
    const several = await ask(client, "holdfast:publish", {
      messages: [
        { queue: "a", body: 3, id: "p" },
        { queue: "b", body: 4, id: "q" },
        { queue: "a", body: 5, id: "r" },
      ],
    });
    expect((several.receipts as { id: string }[]).map(({ id }) => id)).toEqual(["p", "q", "r"]);
    expect((await host.holdfast.queue("a").peek()).items.map(({ body }) => body)).toEqual([1, 2, 3, 5]);
    expect((await host.holdfast.queue("b").peek()).items.map(({ body }) => body)).toEqual([4]);
  });

  it("stores none of an array when one of it cannot be", async () => {
    const client = await host.client();
    await ask(client, "holdfast:publish", { queue: "b", body: 1, id: "taken" });
    const reply = await ask(client, "holdfast:publish", {
      messages: [
        { queue: "a", body: 1 },
        { queue: "b", body: 2, id: "taken" },
      ],
    });
    expect(reply).toMatchObject({ ok: false, error: { code: "ID_CONFLICT" } });
    expect(await stats("b")).toMatchObject({ ready: 1 });
    expect((await host.holdfast.queues()).items).toContain("a");
    expect(await stats("a")).toMatchObject({ ready: 0 });
  });

  it("P5: keeps the order of one client, also while the queue is being created", async () => {
    const client = await host.client();
    await Promise.all(Array.from({ length: 50 }, (_, body) => ask(client, "holdfast:publish", { queue: "new", body })));
    expect((await host.holdfast.queue("new").peek()).items.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, body) => body));
  });

  it("P3: strings, numbers, buffers and buffers in JSON arrive as they were", async () => {
    const client = await host.client();
    const bodies = ["text ✓ \u0000", 1.5, null, [], { deep: [{ bytes: Buffer.from([1, 2]) }, Buffer.from([])] }, Buffer.from([0, 255])];
    for (const body of bodies) expect(await ask(client, "holdfast:publish", { queue: "all", body })).toMatchObject({ ok: true });
    const got = new Happenings<unknown>();
    await consume(client, { queue: "all" }, ({ body }, callback) => {
      got.add(body);
      callback();
    });
    expect(await got.count(bodies.length)).toEqual(bodies);
  });

  it("carries out a request without a callback", async () => {
    const client = await host.client();
    client.emit("holdfast:publish", { queue: "orders", body: 1 });
    client.emit("holdfast:publish", { queue: "orders", body: 1, nonsense: 1 });
    client.emit("holdfast:publish");
    await until(async () => (await host.holdfast.queues()).items.includes("orders"));
    await until(async () => (await stats("orders")).ready === 1);
  });
});

describe("consume", () => {
  it("delivers exactly what the table says", async () => {
    const client = await host.client();
    const got = new Happenings<PlainDelivery>();
    const consumer = await consume(client, { queue: "orders" }, (delivery, callback) => {
      got.add(delivery);
      callback();
    });
    const before = Date.now();
    await ask(client, "holdfast:publish", { queue: "orders", body: { item: "cod" }, id: "a" });
    await ask(client, "holdfast:publish", {
      queue: "orders",
      body: 1,
      id: "b",
      key: "table-4",
      event: "order",
      headers: { trace: "1" },
      replyTo: "answers",
      correlationId: "7",
      priority: 3,
    });
    const [first, second] = await got.count(2);
    expect(first).toEqual({
      consumer,
      queue: "orders",
      id: "a",
      sequence: expect.any(Number),
      attempt: 1,
      body: { item: "cod" },
      publishedAt: expect.any(Number),
      token: expect.stringMatching(/^[a-z0-9]+\.[a-z0-9]+$/),
      leaseMs: 30_000,
      leaseUntil: expect.any(Number),
    });
    expect(Math.abs((first?.publishedAt ?? 0) - before)).toBeLessThan(10_000);
    expect(second).toMatchObject({
      key: "table-4",
      event: "order",
      headers: { trace: "1" },
      replyTo: "answers",
      correlationId: "7",
      priority: 3,
    });
    await until(async () => (await stats("orders")).acked === 2);
  });

  it("settles by callback: nothing, ack, nack, reject, release", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "jobs", backoff: { type: "fixed", delayMs: 0, jitter: 0 } });
    const got = new Happenings<PlainDelivery>();
    const answers = new Map<string, unknown[]>([
      ["nothing", []],
      ["null", [null]],
      ["empty", [{}]],
      ["ack", [{ ack: true }]],
      ["nack", [{ nack: { delayMs: 0, reason: "later" } }]],
      ["reject", [{ reject: { reason: "never" } }]],
      ["release", [{ release: true }]],
    ]);
    await consume(client, { queue: "jobs" }, (delivery, callback) => {
      got.add(delivery);
      callback(...(got.items.filter(({ id }) => id === delivery.id).length > 1 ? [] : (answers.get(delivery.id) ?? [])));
    });
    for (const id of answers.keys()) await ask(client, "holdfast:publish", { queue: "jobs", body: null, id });
    const deliveries = await got.count(9);
    expect(deliveries.filter(({ id }) => id === "nack").map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(deliveries.filter(({ id }) => id === "release").map(({ attempt }) => attempt)).toEqual([1, 1]);
    await until(async () => (await stats("jobs")).acked === 6);
    expect(await stats("jobs")).toMatchObject({ dead: 1, ready: 0, inFlight: 0 });
    const [dead] = (await host.holdfast.queue("jobs.dead").peek()).items;
    expect(dead).toMatchObject({ id: "reject", history: { reason: "rejected", error: "never" } });
  });

  it("keeps to maxInFlight and goes on as callbacks come", async () => {
    const client = await host.client();
    const held = new Happenings<() => void>();
    await consume(client, { queue: "q", maxInFlight: 2 }, (_delivery, callback) => held.add(callback));
    for (let body = 0; body < 5; body++) await ask(client, "holdfast:publish", { queue: "q", body });
    await held.count(2);
    expect(await stats("q")).toMatchObject({ inFlight: 2, ready: 3 });
    held.items[0]?.();
    await held.count(3);
    expect(await stats("q")).toMatchObject({ inFlight: 2, ready: 2, acked: 1 });
  });

  it("ignores and counts a callback that is no settlement", async () => {
    const client = await host.client();
    const callbacks = new Happenings<(...args: unknown[]) => void>();
    await consume(client, { queue: "q" }, (_delivery, callback) => callbacks.add(callback));
    const wrong: unknown[][] = [["yes"], [{ ack: false }], [{ ack: true, nack: {} }], [{ nack: { delayMs: -1 } }], [1, 2], [{ done: 1 }]];
    for (const body of wrong.keys()) await ask(client, "holdfast:publish", { queue: "q", body });
    await callbacks.count(wrong.length);
    for (const [index, args] of wrong.entries()) callbacks.items[index]?.(...args);
    await until(() => host.holdfast.counters.invalidCallbacks === wrong.length);
    expect(await stats("q")).toMatchObject({ inFlight: wrong.length, acked: 0 });
  });

  it("returns the messages of a cancelled consumer at once, uncounted", async () => {
    const [first, second] = [await host.client(), await host.client()];
    const held = new Happenings<PlainDelivery>();
    const consumer = await consume(first, { queue: "q" }, (delivery) => held.add(delivery));
    await ask(first, "holdfast:publish", { queue: "q", body: 1 });
    await held.count(1);
    expect(await ask(first, "holdfast:cancel", { consumer })).toEqual({ ok: true });
    const got = new Happenings<PlainDelivery>();
    await consume(second, { queue: "q" }, (delivery) => got.add(delivery));
    expect(await got.count(1)).toMatchObject([{ attempt: 1 }]);
    expect(await ask(first, "holdfast:cancel", { consumer })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
  });
});

describe("settle", () => {
  it("L2: settles by token, once; again, or with a foreign one, is STALE_LEASE", async () => {
    const client = await host.client();
    const got = new Happenings<PlainDelivery>();
    const consumer = await consume(client, { queue: "q" }, (delivery) => got.add(delivery));
    for (let body = 0; body < 4; body++) await ask(client, "holdfast:publish", { queue: "q", body });
    const [a = "", b = "", c = "", d = ""] = (await got.count(4)).map(({ token }) => token);
    const settlements = [
      { token: a, ack: true },
      { token: a, ack: true },
      { token: b, extend: { leaseMs: 60_000 } },
      { token: b, reject: {} },
      { token: c, nack: { delayMs: 60_000 } },
      { token: d, release: true },
      { token: "other.1", ack: true },
      { token: "nonsense", ack: true },
    ];
    const reply = await ask(client, "holdfast:settle", { consumer, settlements });
    const results = reply.results as { token: string; ok: boolean; error?: { code: string } }[];
    expect(results.map(({ token }) => token)).toEqual(settlements.map(({ token }) => token));
    expect(results.map(({ ok, error }) => (ok ? "ok" : error?.code))).toEqual([
      "ok",
      "STALE_LEASE",
      "ok",
      "ok",
      "ok",
      "ok",
      "STALE_LEASE",
      "STALE_LEASE",
    ]);
    expect(await stats("q")).toMatchObject({ acked: 1, dead: 1, delayed: 1 });
  });

  it("ignores the callback of a delivery that was settled by token", async () => {
    const client = await host.client();
    const got = new Happenings<readonly [PlainDelivery, (answer: object) => void]>();
    const consumer = await consume(client, { queue: "q" }, (delivery, callback) => got.add([delivery, callback]));
    await ask(client, "holdfast:publish", { queue: "q", body: 1 });
    const [[delivery, callback] = []] = await got.count(1);
    await ask(client, "holdfast:settle", { consumer, settlements: [{ token: delivery?.token, ack: true }] });
    callback?.({ reject: {} });
    await ask(client, "holdfast:publish", { queue: "q", body: 2 });
    await got.count(2);
    expect(await stats("q")).toMatchObject({ acked: 1, dead: 0, inFlight: 1 });
  });

  it("L2: a consumer of somebody else, or one that is not known, is STALE_LEASE for every token", async () => {
    const [bob, alice] = [await host.client({ auth: { user: "bob" } }), await host.client({ auth: { user: "alice" } })];
    const got = new Happenings<PlainDelivery>();
    const consumer = await consume(bob, { queue: "q" }, (delivery) => got.add(delivery));
    await ask(bob, "holdfast:publish", { queue: "q", body: 1 });
    const token = (await got.count(1))[0]?.token;
    for (const named of [consumer, "unknown"]) {
      const reply = await ask(alice, "holdfast:settle", { consumer: named, settlements: [{ token, ack: true }] });
      expect(reply).toMatchObject({ ok: true, results: [{ token, ok: false, error: { code: "STALE_LEASE", retryable: false } }] });
    }
    const bobToo = await host.client({ auth: { user: "bob" } });
    const reply = await ask(bobToo, "holdfast:settle", { consumer, settlements: [{ token, ack: true }] });
    expect(reply).toEqual({ ok: true, results: [{ token, ok: true }] });
  });
});

describe("queues", () => {
  it("defines, lists, counts, peeks and deletes", async () => {
    const client = await host.client();
    expect(await ask(client, "holdfast:define", { queue: "b", maxAttempts: 3, deadLetter: false })).toEqual({ ok: true });
    for (const body of [1, 2, 3]) await ask(client, "holdfast:publish", { queue: "a", body });
    expect(await ask(client, "holdfast:list", { kind: "queues", limit: 1 })).toEqual({ ok: true, items: ["a"], next: "a" });
    expect(await ask(client, "holdfast:list", { kind: "queues", after: "a" })).toEqual({ ok: true, items: ["b"] });
    expect(await ask(client, "holdfast:stats", { queue: "a" })).toMatchObject({ ok: true, ready: 3, consumers: 0, paused: false });
    const peeked = await ask(client, "holdfast:peek", { queue: "a", limit: 2 });
    expect((peeked.items as { body: unknown; state: string }[]).map(({ body, state }) => [body, state])).toEqual([
      [1, "ready"],
      [2, "ready"],
    ]);
    const rest = await ask(client, "holdfast:peek", { queue: "a", after: peeked.next });
    expect((rest.items as { body: unknown }[]).map(({ body }) => body)).toEqual([3]);
    expect(rest).not.toHaveProperty("next");
    expect(await ask(client, "holdfast:delete", { queue: "a" })).toEqual({ ok: true });
    for (const event of ["holdfast:delete", "holdfast:stats", "holdfast:peek"]) {
      expect(await ask(client, event, { queue: "a" })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    }
  });

  it("tells the consumers of a deleted queue", async () => {
    const client = await host.client();
    const consumer = await consume(client, { queue: "q" }, () => undefined);
    const cancelled = new Promise((resolve) => client.once("holdfast:cancelled", resolve));
    await ask(client, "holdfast:delete", { queue: "q" });
    expect(await cancelled).toEqual({ consumer, queue: "q", reason: "deleted" });
  });

  it("peeks many large messages in replies of bounded size", async () => {
    const client = await host.client();
    const body = "x".repeat(200_000);
    for (let message = 0; message < 8; message++) await ask(client, "holdfast:publish", { queue: "big", body });
    const sequences: number[] = [];
    for (let after: unknown = 0; after !== undefined; ) {
      const reply = await ask(client, "holdfast:peek", { queue: "big", after });
      const items = reply.items as { sequence: number }[];
      expect(items.length).toBeLessThan(8);
      sequences.push(...items.map(({ sequence }) => sequence));
      after = reply.next;
    }
    expect(new Set(sequences).size).toBe(8);
    expect(sequences).toHaveLength(8);
  });

  it("keeps namespaces apart", async () => {
    host.holdfast.attach(host.io.of("/shop"));
    const [root, shop] = [await host.client(), await host.client({ namespace: "/shop" })];
    await ask(root, "holdfast:publish", { queue: "q", body: "root" });
    await ask(shop, "holdfast:publish", { queue: "q", body: "shop" });
    expect((await host.holdfast.of("/shop").queue("q").peek()).items.map(({ body }) => body)).toEqual(["shop"]);
    const consumer = await consume(root, { queue: "q" }, () => undefined);
    const foreign = await ask(shop, "holdfast:cancel", { consumer });
    expect(foreign).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    expect(() => host.holdfast.attach(host.io)).toThrow(/attached already/);
  });
});

describe("callbacks", () => {
  it("L3: settle before a cancellation or an end of the connection that comes right after them", async () => {
    const own = await TestHost.open({ disconnectGraceMs: 0 });
    for (const way of ["cancel", "disconnect"]) {
      const client = await own.client();
      const queue = own.holdfast.queue(way);
      for (let body = 0; body < 10; body++) await queue.publish(body);
      const callbacks = new Happenings<() => void>();
      const consumer = await consume(client, { queue: way }, (_delivery, callback) => callbacks.add(callback));
      for (const callback of await callbacks.count(10)) callback();
      if (way === "cancel") await ask(client, "holdfast:cancel", { consumer });
      else client.disconnect();
      await until(async () => (await queue.stats()).consumers === 0);
      expect(await queue.stats(), way).toMatchObject({ acked: 10, ready: 0, inFlight: 0 });
    }
    await own.close();
  });
});
