import { connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { publishTogether } from "holdfast-client/together";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;
let clock: ManualClock;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  host = await TestHost.open({ clock });
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await host.close();
});

const holdfastClient = (): ReturnType<typeof connect> => {
  const client = connect(`http://127.0.0.1:${host.port}`, { forceNew: true });
  closers.push(() => client.close());
  return client;
};

const counts = async (queue: string): Promise<Record<string, unknown>> => ({ ...(await host.holdfast.queue(queue).stats()) });

describe("a backoff", () => {
  it.each([{ type: "fixed" }, { type: "exponential" }])("that is given without jitter is exactly that long: %j", async ({ type }) => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders", backoff: { type, delayMs: 1_000 } });
    const seen = new Happenings<PlainDelivery>();
    await consume(client, { queue: "orders", maxInFlight: 100 }, (delivery, settle) => {
      seen.add(delivery);
      settle({ nack: {} });
    });
    for (let body = 0; body < 20; body++) await ask(client, "holdfast:publish", { queue: "orders", body });
    await seen.count(20);
    await until(async () => (await counts("orders")).delayed === 20);
    await clock.advance(999);
    expect(seen.items).toHaveLength(20);
    await clock.advance(1);
    await seen.count(40);
  });
});

describe("delays and times to live", () => {
  it("T1, T2: hold for plain events, one message and arrays", async () => {
    const client = await host.client();
    await ask(client, "holdfast:publish", { queue: "orders", body: "late", delayMs: 5_000 });
    await ask(client, "holdfast:publish", {
      messages: [
        { queue: "orders", body: "short", ttlMs: 1_000 },
        { queue: "mails", body: "later", delayMs: 10_000, ttlMs: 20_000 },
      ],
    });
    expect(await ask(client, "holdfast:stats", { queue: "orders" })).toMatchObject({ ok: true, delayed: 1, ready: 1 });
    expect(await ask(client, "holdfast:peek", { queue: "mails" })).toMatchObject({ items: [{ body: "later", state: "delayed" }] });
    await clock.advance(2_000);
    await until(async () => (await counts("orders")).dead === 1);
    const seen = new Happenings<PlainDelivery>();
    await consume(client, { queue: "orders" }, (delivery, settle) => {
      seen.add(delivery);
      settle();
    });
    await clock.advance(3_000);
    expect(await seen.count(1)).toMatchObject([{ body: "late", attempt: 1, publishedAt: clock.now() - 5_000 }]);
    expect(await ask(client, "holdfast:dead", { queue: "orders" })).toMatchObject({
      items: [{ body: "short", history: { reason: "expired" } }],
    });
  });

  it("hold for frames of our client, single, as an array and over several queues", async () => {
    const client = holdfastClient();
    const orders = client.queue<string>("orders");
    await orders.publish("a", { delayMs: 3_000 });
    await orders.publishAll([
      { body: "b", notBefore: new Date(clock.now() + 2_000) },
      { body: "gone", ttlMs: 1_000 },
    ]);
    await publishTogether(client, [
      { queue: "orders", body: "c", delayMs: 4_000, key: "k" },
      { queue: "mails", body: "d", notBefore: clock.now() + 9_000, ttlMs: 60_000 },
    ]);
    expect(await orders.stats()).toMatchObject({ delayed: 3, ready: 1 });
    await clock.advance(1_999);
    await until(async () => (await counts("orders")).dead === 1);
    const seen = new Happenings<string>();
    orders.consume(async ({ body }) => seen.add(body));
    await until(async () => (await counts("orders")).consumers === 1);
    for (const count of [1, 2, 3]) {
      await clock.advance(1_000);
      await seen.count(count);
    }
    expect(seen.items).toEqual(["b", "a", "c"]);
    expect(await counts("mails")).toMatchObject({ delayed: 1 });
  });

  it("the queue's ttlMs is an option over the wire, and in the libraries", async () => {
    const orders = holdfastClient().queue("orders");
    await orders.define({ ttlMs: 1_000, deadLetter: false });
    await orders.publish(1);
    await clock.advance(2_000);
    await until(async () => (await orders.stats()).expired === 1);
    expect(await orders.stats()).toMatchObject({ dead: 0, ready: 0 });
    const client = await host.client();
    const reply = await ask(client, "holdfast:define", { queue: "orders.dead", ttlMs: 1_000 });
    expect(reply).toMatchObject({
      ok: false,
      error: { code: "BAD_REQUEST", message: "ttlMs is 1000, expected 0 for a dead-letter queue" },
    });
  });

  it("T2: each occurrence of a schedule has the times of its message", async () => {
    const client = holdfastClient();
    const orders = client.queue("orders");
    const managed = admin(client).queue("orders");
    const { next } = await managed.schedule("hourly", { cron: "0 * * * *" }, "report", { delayMs: 500, ttlMs: 2_000 });
    expect((await managed.schedules()).items).toMatchObject([{ name: "hourly", message: { body: "report", delayMs: 500, ttlMs: 2_000 } }]);
    await clock.advance(next - clock.now());
    await until(async () => (await orders.stats()).delayed === 1);
    await clock.advance(3_000);
    await until(async () => (await orders.stats()).dead === 1);
  });

  it.each([
    [{ delayMs: -1 }, "delayMs is -1, expected at least 0"],
    [{ delayMs: 1.5 }, "delayMs is 1.5"],
    [{ delayMs: 31_536_000_001 }, "delayMs is 31536000001, expected at most 31536000000"],
    [{ ttlMs: 31_536_000_001 }, "ttlMs is 31536000001, expected at most 31536000000"],
    [{ ttlMs: "1" }, 'ttlMs is "1"'],
    [{ notBefore: 1 }, "notBefore is 1, expected no such field"],
  ])("a plain publish with %j is BAD_REQUEST", async (fields, message) => {
    const reply = await ask(await host.client(), "holdfast:publish", { queue: "orders", body: 1, ...fields });
    expect(reply).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", message: expect.stringContaining(message), retryable: false } });
  });

  it("the server's library takes a delay, a time of day and a time to live", async () => {
    const orders = host.holdfast.queue<number>("orders");
    await orders.publish(1, { delayMs: 1_000 });
    await orders.publishAll([
      { body: 2, notBefore: new Date(clock.now() + 1_500) },
      { body: 3, notBefore: clock.now() - 1 },
    ]);
    await host.holdfast.publish([{ queue: "orders", body: 4, notBefore: clock.now() + 500, ttlMs: 10_000 }]);
    expect(await orders.stats()).toMatchObject({ delayed: 3, ready: 1 });
    await clock.advance(1_500);
    await until(async () => (await orders.stats()).delayed === 0);
    const { items } = await orders.peek();
    expect(items.map(({ body }) => body)).toEqual([3, 4, 1, 2]);
    const refused = [
      { delayMs: 1, notBefore: 1 },
      { notBefore: clock.now() + 31_536_000_001 },
      { notBefore: new Date(Number.NaN) },
      { ttlMs: -1 },
    ];
    for (const options of refused) await expect(orders.publish(5, options)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });
});
