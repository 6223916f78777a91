import { ByteWriter, type SettleRun, writeRecord } from "holdfast-client/protocol";
import type { Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { FailingStore } from "./failing-store.js";
import { FrameClient } from "./frame-client.js";
import { ask, Happenings, type Reply, TestHost, until } from "./test-host.js";

let host: TestHost;
let client: FrameClient;

beforeEach(async () => {
  host = await TestHost.open();
  client = await FrameClient.on(await host.client());
});

afterEach(() => host.close());

const consumeFrames = (socket: Socket, request: object): Promise<Reply> => ask(socket, "holdfast:consume", { frames: true, ...request });

describe("frames", () => {
  it("hello tells the limits", () => {
    expect(client.hello).toEqual({
      ok: true,
      frames: 1,
      epoch: expect.any(String),
      frameBytesMax: 740_000,
      limits: { bodyBytesMax: 262_144, maxInFlightMax: 10_000 },
    });
  });

  it("are taken as an ArrayBuffer too, which some parsers of Socket.IO make of a buffer", async () => {
    const kinds: string[] = [];
    host.io.on("connection", (socket) =>
      socket.use((packet, next) => {
        const [, given] = packet;
        if (given instanceof Uint8Array) packet[1] = given.buffer.slice(given.byteOffset, given.byteOffset + given.byteLength);
        kinds.push(Object.prototype.toString.call(packet[1]));
        next();
      }),
    );
    const other = await FrameClient.on(await host.client());
    other.publish("a", 1, ["one", Buffer.from([1, 2])]);
    expect((await other.receipts.count(1))[0]?.runs).toMatchObject([{ sequence: 1, count: 2 }]);
    expect(kinds).toContain("[object ArrayBuffer]");
    expect((await host.holdfast.queue("a").peek()).items.map(({ body }) => body)).toEqual(["one", new Uint8Array([1, 2])]);
  });

  it("stores many sections of one frame, each with a fate of its own and in order, also around one that creates its queue", async () => {
    await ask(client.socket, "holdfast:define", { queue: "a" });
    await ask(client.socket, "holdfast:define", { queue: "ordered", ordering: "key" });
    const record = (id: string, key?: string): Uint8Array => {
      const records = new ByteWriter();
      writeRecord(records, { id, key }, id);
      return records.take();
    };
    const requests: number[] = [];
    client.section((writer, request) => {
      const add = (queue: string, firstNumber: number, records: Uint8Array): void => {
        requests.push(request * 100 + requests.length);
        const section = { request: requests.at(-1) ?? 0, atomic: false, producer: "p", oldestOpen: 1, count: 1 };
        writer.publish({ ...section, queue, firstNumber, records });
      };
      add("a", 1, record("a-1"));
      add("ordered", 1, record("no key"));
      add("new", 1, record("new-1"));
      add("a", 2, record("a-2"));
      add("new", 2, record("new-2"));
      add("ordered", 2, record("keyed", "k"));
    });
    const receipts = await client.receipts.count(6);
    const errors = new Map(receipts.map(({ request, runs }) => [request, runs[0]?.error?.code]));
    expect(requests.map((request) => errors.get(request))).toEqual([undefined, "BAD_REQUEST", undefined, undefined, undefined, undefined]);
    for (const queue of ["a", "new"]) {
      const { items } = await ask(client.socket, "holdfast:peek", { queue });
      expect((items as { id: string }[]).map(({ id }) => id)).toEqual([`${queue}-1`, `${queue}-2`]);
    }
  });

  it("publishes, delivers and settles in frames, with one section for many", async () => {
    const reply = await consumeFrames(client.socket, { queue: "q", maxInFlight: 50 });
    expect(reply).toEqual({
      ok: true,
      consumer: expect.any(String),
      handle: expect.any(Number),
      epoch: client.hello.epoch,
      leaseMs: 30_000,
    });
    const handle = Number(reply.handle);
    let plain = 0;
    client.socket.on("holdfast:delivery", () => plain++);
    const bodies = Array.from({ length: 40 }, (_, index) => ({ index }));
    const request = client.publish("q", 1, bodies);
    expect(await client.receipts.count(1)).toMatchObject([{ request, runs: [{ count: 40, duplicate: false }] }]);
    const delivered = await client.delivered.count(40);
    expect(delivered.map(({ body }) => body)).toEqual(bodies);
    expect(delivered.every((delivery) => delivery.handle === handle && delivery.attempt === 1)).toBe(true);
    const first = delivered[0]?.lease ?? 0;
    const settle = client.settle(handle, [
      { first, count: 39, verb: "ack" },
      { first: first + 39, count: 1, verb: "reject", reason: "no" },
      { first, count: 1, verb: "ack" },
    ]);
    const [settled] = await client.settled.count(1);
    expect(settled?.request).toBe(settle);
    expect(settled?.runs.map(({ count, error }) => [count, error?.code])).toEqual([
      [40, undefined],
      [1, "STALE_LEASE"],
    ]);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ acked: 39, dead: 1, inFlight: 0 });
    expect(plain).toBe(0);
    // Receipts, deliveries and the settled section took a frame each at most.
    expect(client.frames).toBeLessThanOrEqual(4);
  });

  it("P4, P5: recognises what was sent before, and refuses a gap", async () => {
    client.publish("q", 1, [1, 2]);
    client.publish("q", 1, [1, 2, 3]);
    client.publish("q", 7, [7], { oldestOpen: 4 });
    const [first, second] = await client.receipts.count(3).then((receipts) => receipts.map(({ runs }) => runs));
    expect(first).toMatchObject([{ count: 2, duplicate: false }]);
    expect(second).toMatchObject([
      { count: 2, duplicate: true },
      { count: 1, duplicate: false },
    ]);
    expect(client.receipts.items[2]?.runs).toMatchObject([{ count: 1, error: { code: "PRODUCER_GAP", retryable: true } }]);
    expect((await host.holdfast.queue("q").peek()).items.map(({ body }) => body)).toEqual([1, 2, 3]);
  });

  it("L2: a handle means nothing on another connection", async () => {
    const reply = await consumeFrames(client.socket, { queue: "q" });
    client.publish("q", 1, ["x"]);
    const [delivery] = await client.delivered.count(1);
    const thief = await FrameClient.on(await host.client());
    const run: SettleRun = { first: delivery?.lease ?? 0, count: 1, verb: "reject" };
    thief.settle(Number(reply.handle), [run]);
    expect((await thief.settled.count(1))[0]?.runs).toMatchObject([{ count: 1, error: { code: "STALE_LEASE" } }]);
    expect(await host.holdfast.queue("q").stats()).toMatchObject({ inFlight: 1, dead: 0 });
  });

  it("resumes with what it still holds; the rest comes again, uncounted", async () => {
    const reply = await consumeFrames(client.socket, { queue: "q", maxInFlight: 10 });
    client.publish("q", 1, [1, 2, 3, 4, 5]);
    const [first] = await client.delivered.count(5);
    client.socket.disconnect();
    const again = await FrameClient.on(await host.client());
    const lease = first?.lease ?? 0;
    const held = [
      [lease, 1],
      [lease + 3, 1],
    ];
    const resumed = await consumeFrames(again.socket, { queue: "q", consumer: reply.consumer, held });
    expect(resumed).toEqual(reply);
    const bodies = (await again.delivered.count(3)).map(({ body, attempt }) => [body, attempt]);
    expect(bodies.sort()).toEqual([
      [2, 1],
      [3, 1],
      [5, 1],
    ]);
    again.settle(Number(resumed.handle), [
      { first: lease, count: 1, verb: "ack" },
      { first: lease + 1, count: 1, verb: "ack" },
      { first: lease + 3, count: 1, verb: "ack" },
    ]);
    const [settled] = await again.settled.count(1);
    expect(settled?.runs.map(({ count, error }) => [count, error?.code])).toEqual([
      [1, undefined],
      [1, "STALE_LEASE"],
      [1, undefined],
    ]);
  });

  it("tells the client when the engine began a new life", async () => {
    const store = new FailingStore(new MemoryStore());
    const failing = await TestHost.open({ engine: createMemoryEngine({ store }) });
    try {
      const framed = await FrameClient.on(await failing.client());
      const reply = await consumeFrames(framed.socket, { queue: "q" });
      const cancelled = new Promise((resolve) => framed.socket.once("holdfast:cancelled", resolve));
      store.fails = true;
      const request = framed.publish("q", 1, [1]);
      expect((await framed.refused.count(1))[0]).toMatchObject({ request, error: { code: "UNKNOWN" } });
      store.fails = false;
      expect(await cancelled).toEqual({ consumer: reply.consumer, queue: "q", reason: "engine-restarted" });
      await until(() => failing.holdfast.ready);
      const anew = await consumeFrames(framed.socket, { queue: "q" });
      expect(anew.handle).not.toBe(reply.handle);
      expect(anew.epoch).not.toBe(reply.epoch);
      framed.publish("q", 1, [1]);
      await framed.delivered.count(1);
    } finally {
      await failing.close();
    }
  });

  it("a plain consumer is spared what it could not read: that goes to the dead letters", async () => {
    const plain = await host.client();
    const got = new Happenings<unknown>();
    plain.on("holdfast:delivery", ({ body }: { body: unknown }, callback: () => void) => {
      got.add(body);
      callback();
    });
    await ask(plain, "holdfast:consume", { queue: "q" });
    const records = new ByteWriter();
    writeRecord(records, { id: "broken" }, "text");
    const broken = records.take();
    broken[broken.length - 1] = 0x21;
    writeRecord(records, { id: "deep" }, "[".repeat(40) + "]".repeat(40));
    const deep = records.take();
    // The text's quotes become spaces: what is left is 40 arrays in each other.
    const quote = 0x22;
    for (const at of [deep.indexOf(quote), deep.lastIndexOf(quote)]) deep[at] = 0x20;
    client.section((writer, request) =>
      writer.publish({
        request,
        atomic: false,
        queue: "q",
        producer: "p",
        firstNumber: 1,
        oldestOpen: 1,
        count: 2,
        records: Buffer.concat([broken, deep]),
      }),
    );
    await client.receipts.count(1);
    client.publish("q", 3, ["fine"]);
    expect(await got.count(1)).toEqual(["fine"]);
    await until(async () => (await host.holdfast.queue("q").stats()).dead === 2);
    const peeked = (await host.holdfast.queue("q.dead").peek()).items;
    expect(peeked.map(({ id, invalid }) => [id, invalid])).toEqual([
      ["broken", expect.stringContaining("cannot be read")],
      ["deep", expect.stringContaining("deeper than 32")],
    ]);
  });
});
