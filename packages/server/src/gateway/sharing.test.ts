import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, consume, Happenings, type PlainDelivery, TestHost, until } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

describe("competing consumers", () => {
  it("share a backlog, each message going to one of them", async () => {
    const queue = host.holdfast.queue("q");
    for (let batch = 0; batch < 6; batch++)
      await queue.publishAll(Array.from({ length: 500 }, (_, index) => ({ body: batch * 500 + index })));
    const shares = new Map<number, number>();
    const bodies = new Happenings<unknown>();
    const clients = await Promise.all([host.client(), host.client(), host.client()]);
    await Promise.all(
      clients.map((client, number) =>
        consume(client, { queue: "q", maxInFlight: 100 }, ({ body }, callback) => {
          shares.set(number, (shares.get(number) ?? 0) + 1);
          bodies.add(body);
          callback();
        }),
      ),
    );
    await bodies.count(3_000);
    expect(new Set(bodies.items).size).toBe(3_000);
    for (const share of shares.values()) expect(share).toBeGreaterThan(500);
    expect(shares.size).toBe(3);
    await until(async () => (await queue.stats()).acked === 3_000);
  });

  it("take turns when messages come one by one", async () => {
    const clients = await Promise.all([host.client(), host.client()]);
    const got = new Happenings<number>();
    await Promise.all(
      clients.map((client, number) =>
        consume(client, { queue: "q" }, (_delivery, callback) => {
          callback();
          got.add(number);
        }),
      ),
    );
    for (let message = 1; message <= 20; message++) {
      await host.holdfast.queue("q").publish(message);
      await got.count(message);
    }
    expect(got.items.filter((number) => number === 0)).toHaveLength(10);
  });

  it("a consumer that is full does not hold up the others", async () => {
    const [slow, quick] = await Promise.all([host.client(), host.client()]);
    const held = new Happenings<PlainDelivery>();
    await consume(slow, { queue: "q", maxInFlight: 5 }, (delivery) => held.add(delivery));
    const done = new Happenings<PlainDelivery>();
    await consume(quick, { queue: "q", maxInFlight: 5 }, (delivery, callback) => {
      done.add(delivery);
      callback();
    });
    for (let message = 0; message < 200; message++) await ask(quick, "holdfast:publish", { queue: "q", body: message });
    await done.count(195);
    expect(held.items).toHaveLength(5);
  });
});

describe("a client that does not read", () => {
  it("C2: is leased no more than fits its buffers, and gets the rest when it reads again", async () => {
    const messages = 600;
    const [slow, other] = await Promise.all([host.client(), host.client()]);
    const got = new Happenings<number>();
    await consume(slow, { queue: "large", maxInFlight: 10_000 }, ({ sequence }, callback) => {
      got.add(sequence);
      callback();
    });
    const tcp = tcpOf(slow);
    tcp.pause();
    const body = Buffer.alloc(60_000, 1);
    for (let message = 0; message < messages; message += 10) await host.holdfast.queue("large").publishAll(new Array(10).fill({ body }));
    const seen = new Happenings<PlainDelivery>();
    await consume(other, { queue: "small" }, (delivery, callback) => {
      seen.add(delivery);
      callback();
    });
    await host.holdfast.queue("small").publish(1);
    await seen.count(1);
    // What is in flight fits the operating system's buffers and our 64 KiB; the rest waits in the queue.
    const { inFlight, ready } = await host.holdfast.queue("large").stats();
    expect(inFlight + ready).toBe(messages);
    expect(ready).toBeGreaterThan(messages / 3);
    const [waiting] = [...host.io.of("/").sockets.values()].flatMap(({ id, conn }) =>
      id === slow.id ? [Reflect.get(conn, "writeBuffer")] : [],
    );
    expect(waiting).toHaveProperty(
      "length",
      expect.toSatisfy((packets: number) => packets < 50),
    );
    tcp.resume();
    await got.count(messages);
    expect(new Set(got.items).size).toBe(messages);
    await until(async () => (await host.holdfast.queue("large").stats()).acked === messages);
  });

  it("C2: is let go when it goes on asking", async () => {
    const [slow, other] = await Promise.all([host.client(), host.client()]);
    for (let message = 0; message < 5; message++) await host.holdfast.queue("large").publish("x".repeat(200_000));
    const tcp = tcpOf(slow);
    tcp.pause();
    const sockets = host.io.of("/").sockets;
    await until(() => {
      slow.emit("holdfast:peek", { queue: "large" }, () => undefined);
      return !sockets.has(slow.id ?? "");
    });
    expect(await ask(other, "holdfast:stats", { queue: "large" })).toMatchObject({ ready: 5 });
    tcp.resume();
  });
});

/** The TCP socket below a client. */
function tcpOf(client: object): { pause(): void; resume(): void } {
  const { io } = client as { io: { engine: { transport: { ws: { _socket: { pause(): void; resume(): void } } } } } };
  return io.engine.transport.ws._socket;
}
