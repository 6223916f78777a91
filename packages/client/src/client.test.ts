import { io } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { admin } from "./admin.js";
import { type HoldfastError, wrap } from "./index.js";
import { TestServer, turnsUntil } from "./test-server.js";
import { publishTogether } from "./together.js";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});

afterEach(() => server.stop());

const failure = (promise: Promise<unknown>): Promise<HoldfastError> =>
  promise.then(
    () => {
      throw new Error("expected a rejection");
    },
    (error: unknown) => error as HoldfastError,
  );

describe("closing", () => {
  test("waits for receipts, handlers and settlements, then disconnects", async () => {
    server.onRequest = (event) =>
      event === "holdfast:consume" ? { ok: true, consumer: "c", handle: 1, epoch: "e", leaseMs: 30_000 } : { ok: true };
    const holdfast = server.connect();
    let finish = (): void => {};
    let started = false;
    holdfast.queue("orders").consume(async () => {
      started = true;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    await server.until(() => server.events().includes("holdfast:consume"));
    server.deliver(1, 1, [1]);
    await turnsUntil(() => started);
    server.onPublish = () => undefined;
    const published = holdfast.queue("bills").publish("bill");
    await server.until(() => server.publishes().length === 1);

    const closed = holdfast.close();
    expect(holdfast.close()).toBe(closed);
    expect(await failure(holdfast.queue("bills").publish("late"))).toMatchObject({ code: "SHUTTING_DOWN", retryable: false });
    expect(() => holdfast.queue("orders").consume()).toThrow(/closed/);
    finish();
    await server.until(() => server.events().includes("holdfast:cancel"));
    expect(server.settles()).toMatchObject([{ runs: [{ verb: "ack", first: 1 }] }]);
    expect(holdfast.socket.connected).toBe(true);
    const [section] = server.publishes();
    if (section !== undefined) server.send((frame) => frame.receipts(section.request, [{ count: 1, sequence: 1, duplicate: false }]));
    expect((await published).sequence).toBe(1);
    await closed;
    expect(holdfast.socket.connected).toBe(false);
  });

  test("gives up after its timeout, and says which messages nobody knows of", async () => {
    server.onPublish = () => undefined;
    const holdfast = server.connect();
    const sent = failure(holdfast.queue("orders").publish("sent"));
    await server.until(() => server.publishes().length === 1);
    const stats = failure(holdfast.queue("orders").stats());
    server.onRequest = () => undefined;
    const offline = server.connect({ autoConnect: false });
    const unsent = failure(offline.queue("orders").publish("unsent"));
    await Promise.all([holdfast.close({ timeoutMs: 20 }), offline.close()]);
    expect(await sent).toMatchObject({ code: "UNKNOWN", retryable: true });
    expect(await unsent).toMatchObject({ code: "SHUTTING_DOWN", retryable: false });
    expect(await stats.catch((error: unknown) => error)).toBeInstanceOf(Error);
    expect(await failure(admin(holdfast).queues())).toMatchObject({ code: "SHUTTING_DOWN" });
  });
});

describe("plain events", () => {
  test("of queues give what the server replies, and are sent again after a reconnect", async () => {
    const holdfast = server.connect();
    const orders = holdfast.queue("orders");
    server.onRequest = (event) => ({ ok: true, items: [event], next: 5 });
    expect(await admin(holdfast).queue("orders").peek({ after: 3, limit: 1 })).toEqual({ items: ["holdfast:peek"], next: 5 });
    expect(await admin(holdfast).queues({ after: "a" })).toEqual({ items: ["holdfast:list"], next: 5 });
    await orders.define({ leaseMs: 5_000 });
    expect(server.requests.slice(1)).toEqual([
      { event: "holdfast:peek", payload: { queue: "orders", after: 3, limit: 1 } },
      { event: "holdfast:list", payload: { kind: "queues", after: "a" } },
      { event: "holdfast:define", payload: { queue: "orders", leaseMs: 5_000 } },
    ]);

    server.onRequest = () => undefined;
    const stats = orders.stats();
    const deleted = admin(holdfast).queue("orders").delete();
    await server.until(() => server.events().at(-1) === "holdfast:delete");
    server.onRequest = (event) =>
      event === "holdfast:delete" ? { ok: false, error: { code: "NOT_FOUND", message: "gone", retryable: false } } : { ok: true, ready: 3 };
    server.cut();
    expect(await stats).toEqual({ ready: 3 });
    await deleted;
    expect(await failure(admin(holdfast).queue("orders").delete())).toMatchObject({ code: "NOT_FOUND" });
  });

  test("of the application pass beside ours, on a socket of its own too", async () => {
    const socket = io(server.url, { transports: ["websocket"], forceNew: true, ackTimeout: 5_000 });
    const holdfast = wrap(socket);
    await holdfast.queue("orders").publish(1);
    server.onRequest = (event, payload) => ({ event, payload });
    expect(await holdfast.socket.emitWithAck("chat", { text: "hi" })).toEqual({ event: "chat", payload: { text: "hi" } });
    await holdfast.close();
    expect(socket.connected).toBe(false);
  });
});

describe("a request that was one too many", () => {
  const refusal = { ok: false, error: { code: "RATE_LIMITED", message: "again in 20 ms", retryable: true, retryAfterMs: 20 } };

  test("is sent again, not before it may be, and resolves to its reply", async () => {
    const times: number[] = [];
    server.onRequest = () => (times.push(performance.now()) < 3 ? refusal : { ok: true, ready: 1, sequence: 7 });
    const holdfast = server.connect();
    expect(await holdfast.queue("orders").stats()).toEqual({ ready: 1, sequence: 7 });
    const [first = 0, second = 0, third = 0] = times;
    expect([second - first, third - second].every((ms) => ms >= 20)).toBe(true);
    times.length = 0;
    expect(await holdfast.room("kitchen").join()).toBe(7);
    expect(times.length).toBe(3);
  });

  test("is sent once after a connection that was lost while it waited", async () => {
    server.onRequest = () => refusal;
    const holdfast = server.connect();
    const stats = holdfast.queue("orders").stats();
    await server.until(() => server.events().includes("holdfast:stats"));
    server.onRequest = () => ({ ok: true, ready: 2 });
    server.cut();
    expect(await stats).toEqual({ ready: 2 });
    expect(server.events().filter((event) => event === "holdfast:stats").length).toBe(2);
  });

  test("fails when the server does not say how long to wait", async () => {
    server.onRequest = () => ({ ok: false, error: { code: "RATE_LIMITED", message: "one at a time", retryable: true } });
    expect(await failure(server.connect().queue("orders").stats())).toMatchObject({ code: "RATE_LIMITED" });
  });
});

describe("hello", () => {
  test("refused for good fails what waits; a later connection is asked again", async () => {
    const { hello } = server;
    server.hello = { ok: false, error: { code: "UNAUTHENTICATED", message: "who are you", retryable: false } };
    const holdfast = server.connect();
    const stream = holdfast.queue("orders").consume();
    const failures = [
      holdfast.queue("orders").publish(1),
      admin(holdfast).queues(),
      stream.next(),
      publishTogether(holdfast, [{ queue: "a", body: 1 }]),
    ];
    for (const error of await Promise.all(failures.map(failure))) expect(error).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await failure(holdfast.queue("orders").publish(2))).toMatchObject({ code: "UNAUTHENTICATED" });
    server.hello = hello;
    server.cut();
    await server.until(() => server.events().filter((event) => event === "holdfast:hello").length === 2);
    await admin(holdfast).queues();
    await holdfast.queue("orders").publish(3);
    expect(server.stored.get("orders")).toEqual([3]);
  });

  test("refused for a passing reason is repeated", async () => {
    const { hello } = server;
    server.hello = { ok: false, error: { code: "ENGINE_UNAVAILABLE", message: "wait", retryable: true } };
    const holdfast = server.connect();
    const published = holdfast.queue("orders").publish(1);
    await server.until(() => server.events().length === 1);
    server.hello = hello;
    await published;
    expect(server.events()).toEqual(["holdfast:hello", "holdfast:hello"]);
  });

  test("is said again when the server sends what cannot be read", async () => {
    server.onPublish = () => undefined;
    const holdfast = server.connect();
    const published = holdfast.queue("orders").publish(1);
    await server.until(() => server.publishes().length === 1);
    server.onPublish = (section) => server.store(section);
    server.socket?.emit("holdfast:frame", new Uint8Array([16, 255, 0, 0, 0]));
    expect((await published).sequence).toBe(1);
    expect(server.events()).toEqual(["holdfast:hello", "holdfast:hello"]);
  });
});
