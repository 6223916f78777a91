import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

type Callback = (...args: unknown[]) => void;

let clock: ManualClock;
let host: TestHost;

beforeEach(async () => {
  clock = new ManualClock();
  host = await TestHost.open({ clock });
});

afterEach(() => host.close());

const inFlight = async (queue: string): Promise<number> => (await host.holdfast.queue(queue).stats()).inFlight;

/** Waits until the server noticed that no socket of the namespace is connected but those. */
const connected = (count: number): Promise<void> => until(() => host.io.of("/").sockets.size === count);

describe("disconnect grace", () => {
  it("L5: returns the messages of a lost consumer when its grace is over, counted", async () => {
    const [lost, other] = [await host.client(), await host.client()];
    const held = new Happenings<PlainDelivery>();
    await consume(lost, { queue: "q" }, (delivery) => held.add(delivery));
    await ask(lost, "holdfast:publish", { queue: "q", body: 1 });
    await held.count(1);
    const got = new Happenings<PlainDelivery>();
    await consume(other, { queue: "q" }, (delivery) => got.add(delivery));
    lost.disconnect();
    await connected(1);
    await clock.advance(4_999);
    expect(await inFlight("q")).toBe(1);
    expect(got.items).toHaveLength(0);
    await clock.advance(1);
    expect(await got.count(1)).toMatchObject([{ attempt: 2 }]);
  });

  it("L5: returns the messages of many consumers that were lost together", async () => {
    const lost = await Promise.all(Array.from({ length: 20 }, () => host.client()));
    const held = new Happenings<PlainDelivery>();
    for (const client of lost) await consume(client, { queue: "q", maxInFlight: 1 }, (delivery) => held.add(delivery));
    for (const body of lost.keys()) await host.holdfast.queue("q").publish(body);
    await held.count(20);
    const other = await host.client();
    const got = new Happenings<PlainDelivery>();
    await consume(other, { queue: "q" }, (delivery) => got.add(delivery));
    for (const client of lost) client.disconnect();
    await connected(1);
    await clock.advance(5_000);
    expect(new Set((await got.count(20)).map(({ body }) => body)).size).toBe(20);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ consumers: 1 });
  });

  it("leases nothing to a consumer that is away", async () => {
    const lost = await host.client();
    await consume(lost, { queue: "q" }, () => undefined);
    lost.disconnect();
    await connected(0);
    await host.holdfast.queue("q").publish(1);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ ready: 1, inFlight: 0, consumers: 1 });
  });

  it("resumes a consumer: the same id, its deliveries still its own, and callbacks of before still settle", async () => {
    const lost = await host.client({ auth: { user: "bob" } });
    const held = new Happenings<PlainDelivery>();
    const callbacks: Callback[] = [];
    const id = await consume(lost, { queue: "q" }, (delivery, callback) => {
      held.add(delivery);
      callbacks.push(callback);
    });
    for (const body of [1, 2]) await ask(lost, "holdfast:publish", { queue: "q", body });
    const [first] = await held.count(2);
    lost.disconnect();
    await connected(0);
    // The same client object on a new connection, as after a network failure.
    const again = new Promise((resolve) => lost.once("connect", () => resolve(undefined)));
    lost.connect();
    await again;
    expect(await ask(lost, "holdfast:consume", { queue: "q", consumer: id })).toEqual({ ok: true, consumer: id });
    await clock.advance(10_000);
    expect(await inFlight("q")).toBe(2);
    const settlements = [{ token: first?.token, ack: true }];
    expect(await ask(lost, "holdfast:settle", { consumer: id, settlements })).toMatchObject({ results: [{ ok: true }] });
    callbacks[1]?.();
    await until(async () => (await host.holdfast.queue("q").stats()).acked === 2);
    await ask(lost, "holdfast:publish", { queue: "q", body: 3 });
    expect(await held.count(3)).toHaveLength(3);
  });

  it("a resumed consumer leaves the connection that had it", async () => {
    const [old, fresh] = [await host.client(), await host.client()];
    const cancelled = new Promise((resolve) => old.once("holdfast:cancelled", resolve));
    const id = await consume(old, { queue: "q" }, () => undefined);
    expect(await ask(old, "holdfast:consume", { queue: "q", consumer: id })).toMatchObject({ ok: false, error: { code: "BAD_REQUEST" } });
    expect(await ask(fresh, "holdfast:consume", { queue: "q", consumer: id })).toEqual({ ok: true, consumer: id });
    expect(await cancelled).toEqual({ consumer: id, queue: "q", reason: "resumed" });
    old.disconnect();
    await connected(1);
    await clock.advance(10_000);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ consumers: 1 });
  });

  it("nobody else resumes it, nor anybody after its grace", async () => {
    const bob = await host.client({ auth: { user: "bob" } });
    const id = await consume(bob, { queue: "q" }, () => undefined);
    bob.disconnect();
    await connected(0);
    const [alice, nobody, bobToo] = [
      await host.client({ auth: { user: "alice" } }),
      await host.client(),
      await host.client({ auth: { user: "bob" } }),
    ];
    for (const other of [alice, nobody]) {
      expect(await ask(other, "holdfast:consume", { queue: "q", consumer: id })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    }
    await clock.advance(5_000);
    expect(await ask(bobToo, "holdfast:consume", { queue: "q", consumer: id })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
  });
});

describe("a consumer that never answers", () => {
  it("is cancelled after maxInFlight expiries in a row, and its late callbacks settle nothing", async () => {
    const [silent, other] = [await host.client(), await host.client()];
    await ask(silent, "holdfast:define", { queue: "q", leaseMs: 1_000, backoff: { type: "fixed", delayMs: 100, jitter: 0 } });
    const cancelled = new Promise((resolve) => silent.once("holdfast:cancelled", resolve));
    const callbacks = new Happenings<Callback>();
    const id = await consume(silent, { queue: "q", maxInFlight: 2 }, (_delivery, callback) => callbacks.add(callback));
    for (const body of [1, 2]) await ask(silent, "holdfast:publish", { queue: "q", body });
    await callbacks.count(2);
    await clock.advance(1_000);
    expect(await cancelled).toEqual({ consumer: id, queue: "q", reason: "unresponsive" });
    const got = new Happenings<PlainDelivery>();
    await consume(other, { queue: "q" }, (delivery) => got.add(delivery));
    await clock.advance(100);
    await got.count(2);
    for (const callback of callbacks.items) callback({ reject: {} });
    await ask(silent, "holdfast:stats", { queue: "q" });
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ inFlight: 2, dead: 0, consumers: 1 });
    expect(host.holdfast.counters.staleCallbacks).toBe(2);
  });

  it("is cancelled with the first of a fifo queue, when all that it holds runs out, so that the next in line has its turn", async () => {
    const [silent, other] = [await host.client(), await host.client()];
    await ask(silent, "holdfast:define", { queue: "q", ordering: "fifo", leaseMs: 1_000, backoff: { type: "fixed", delayMs: 100 } });
    const cancelled = new Promise((resolve) => silent.once("holdfast:cancelled", resolve));
    const held = new Happenings<PlainDelivery>();
    const id = await consume(silent, { queue: "q", maxInFlight: 3 }, (delivery) => held.add(delivery));
    for (const body of [1, 2, 3, 4]) await ask(silent, "holdfast:publish", { queue: "q", body });
    await held.count(3);
    const got = new Happenings<PlainDelivery>();
    await consume(other, { queue: "q" }, (delivery) => got.add(delivery));
    await clock.advance(1_000);
    expect(await cancelled).toEqual({ consumer: id, queue: "q", reason: "unresponsive" });
    await clock.advance(100);
    expect((await got.count(4)).map(({ body, attempt }) => [body, attempt])).toEqual([
      [1, 2],
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
  });

  it("is not cancelled while it answers some", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "q", leaseMs: 1_000, backoff: { type: "fixed", delayMs: 0, jitter: 0 }, maxAttempts: 0 });
    let cancelled = 0;
    client.on("holdfast:cancelled", () => cancelled++);
    const got = new Happenings<PlainDelivery>();
    await consume(client, { queue: "q", maxInFlight: 2 }, (delivery, callback) => {
      got.add(delivery);
      if (delivery.body === "good") callback();
    });
    await ask(client, "holdfast:publish", { queue: "q", body: "bad" });
    for (let round = 1; round <= 4; round++) {
      await ask(client, "holdfast:publish", { queue: "q", body: "good" });
      await got.count(round * 2);
      await until(async () => (await host.holdfast.queue("q").stats()).acked === round);
      await clock.advance(1_000);
    }
    expect(cancelled).toBe(0);
  });
});
