import { connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { publishTogether } from "holdfast-client/together";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  host = await TestHost.open();
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

describe("a full queue", () => {
  it("makes our client's publishes wait in the outbox, and stores each once and in order when there is room", async () => {
    const client = holdfastClient();
    const orders = client.queue<number>("orders");
    await orders.define({ depthMax: 5 });
    const confirmed: number[] = [];
    const publishes = Array.from({ length: 40 }, async (_, body) => {
      await orders.publish(body);
      confirmed.push(body);
    });
    await until(() => confirmed.length === 5);
    expect((await orders.stats()).ready).toBe(5);
    const handled: number[] = [];
    const consumer = orders.consume(
      async ({ body }) => {
        handled.push(body);
      },
      { maxInFlight: 1 },
    );
    await Promise.all(publishes);
    await until(() => handled.length === 40);
    await consumer.cancel();
    const all = Array.from({ length: 40 }, (_, index) => index);
    expect(handled).toEqual(all);
    expect(confirmed).toEqual(all);
    expect((await orders.stats()).published).toBe(40);
  });

  it("makes an array over several queues wait as a whole", async () => {
    const client = holdfastClient();
    const full = client.queue<number>("full");
    await full.define({ depthMax: 1 });
    await full.publish(0);
    let stored = false;
    const together = publishTogether(client, [
      { queue: "free", body: 1 },
      { queue: "full", body: 2 },
    ]).then(() => {
      stored = true;
    });
    await until(async () => (await admin(client).queues()).items.includes("free"));
    expect((await client.queue("free").stats()).published).toBe(0);
    expect(stored).toBe(false);
    const consumer = full.consume(async () => {});
    await together;
    await until(async () => (await full.stats()).acked === 2);
    await consumer.cancel();
    expect((await client.queue("free").stats()).published).toBe(1);
  });

  it("gives up waiting when its publisher does", async () => {
    const client = holdfastClient();
    const orders = client.queue("orders");
    await orders.define({ depthMax: 1 });
    await orders.publish(1);
    await expect(orders.publish(2, { timeoutMs: 50 })).rejects.toMatchObject({ code: "UNKNOWN" });
    await orders.define({ depthMax: 0 });
    await until(async () => (await orders.stats()).published === 2);
  });

  it("is told to a plain client at once", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders", depthMax: 2 });
    const messages = [{ body: 1 }, { body: 2 }, { body: 3 }];
    expect(await ask(client, "holdfast:publish", { queue: "orders", messages })).toMatchObject({
      ok: false,
      error: { code: "QUEUE_FULL", retryable: false, message: "queue orders never has room for 3 messages at once, depthMax is 2" },
    });
    expect(await ask(client, "holdfast:publish", { queue: "orders", messages: messages.slice(0, 2) })).toMatchObject({ ok: true });
    expect(await ask(client, "holdfast:publish", { queue: "orders", body: 3 })).toMatchObject({
      error: { code: "QUEUE_FULL", retryable: true, message: "queue orders is full: depth is 2, depthMax 2" },
    });
  });

  it("refuses our client's array at once that it never has room for, and goes on with what comes behind it", async () => {
    const orders = holdfastClient().queue<number>("orders");
    await orders.define({ depthMax: 2 });
    const array = orders.publishAll([{ body: 1 }, { body: 2 }, { body: 3 }]);
    const behind = orders.publish(4);
    await expect(array).rejects.toMatchObject({ code: "QUEUE_FULL", retryable: false });
    await behind;
    expect((await orders.stats()).published).toBe(1);
  });

  it("lets the oldest go when it is to", async () => {
    const client = await host.client();
    await ask(client, "holdfast:define", { queue: "orders", depthMax: 2, overflow: "dead-letter-oldest" });
    for (const body of [1, 2, 3]) expect((await ask(client, "holdfast:publish", { queue: "orders", body })).ok).toBe(true);
    expect(await ask(client, "holdfast:peek", { queue: "orders.dead" })).toMatchObject({
      items: [{ body: 1, history: { queue: "orders", reason: "overflow", attempts: 0 } }],
    });
  });
});

describe("a queue with a rate", () => {
  it("hands out no faster, over its consumers together", async () => {
    const clients = [await host.client(), await host.client()];
    const [first] = clients;
    if (first === undefined) throw new Error("no client");
    await ask(first, "holdfast:define", { queue: "mails", ratePerSecondMax: 50 });
    await host.holdfast.queue("mails").publishAll(Array.from({ length: 20 }, (_, body) => ({ body })));
    const deliveries = new Happenings<PlainDelivery>();
    const begun = performance.now();
    for (const client of clients) {
      await consume(client, { queue: "mails" }, (delivery, callback) => {
        callback();
        deliveries.add(delivery);
      });
    }
    await deliveries.count(20);
    // 20 messages, 2 of them at once, 20 ms each.
    expect(performance.now() - begun).toBeGreaterThan(340);
  });
});
